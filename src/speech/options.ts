import type { ServedDeployment } from '../domain/endpoint.ts'
import { defaultMode, type RecognitionMode } from '../domain/recognition-mode.ts'
import { ProblemError } from '../http/problem.ts'
import { type SegmentationSettings, segmentationSettingsFor } from '../recognition/segmentation-settings.ts'
import { explainOtherLanguage } from './language.ts'
import { type Profanity, profanities } from './profanity.ts'
import { readSpeechConfig, readSpeechContext, type SpeechContext } from './speech-context.ts'
import { checkLanguages } from './unsupported.ts'

/** The recognition and output settings of one turn. */
export interface RecognitionOptions {
  mode: RecognitionMode
  listening: SegmentationSettings
  detailed: boolean
  wordTimings: boolean
  interims: boolean
  profanity: Profanity
  phrases: { text: string; weight: number }[]
  /** Fields of every hypothesis and phrase for clients of language detection and speaker separation. */
  annotations: Annotations
}

interface Annotations {
  PrimaryLanguage?: { Language: string; Confidence: 'Unknown' }
  SpeakerId?: 'Unknown'
}

/** Everything that a client can set before its audio. */
export interface RequestedOptions {
  served: ServedDeployment
  /** Undefined on the universal path. */
  pathMode: RecognitionMode | undefined
  query: URLSearchParams
  /** The bodies of speech.config and speech.context; undefined over HTTP. */
  config?: unknown
  context?: unknown
}

/** The number of readings of a phrase in a detailed result; the beam search has no more. */
export const detailedAlternatives = 4
const maxPhrases = 500
const maxPhrase = 200

export function readOptions({ served, pathMode, query, config, context }: RequestedOptions): RecognitionOptions {
  const ask = (name: string) => findParameter(query, name)?.toLowerCase()
  const spoken = readSpeechContext(context)
  const { phrasedetection, phraseoutput, dgi } = spoken
  const { scenario } = served.acousticModel
  // The SDK's continuous recognition sends the mode conversation at the dictation path too.
  const saidMode = pathMode === 'dictation' ? undefined : toMode(phrasedetection?.mode)
  const mode = saidMode ?? pathMode ?? defaultMode[scenario]
  const client = toMode(readSpeechConfig(config).recognition) ?? saidMode
  const usual = segmentationSettingsFor(scenario, mode)
  const cut = (phrasedetection?.[mode] ?? phrasedetection?.[saidMode ?? 'conversation'])?.segmentation
  const silence = cut?.segmentationsilencetimeoutms ?? number(ask('segmentationSilenceTimeoutMs')) ?? phrasedetection?.trailingsilencetimeout
  const wordTimings = ask('wordLevelTimestamps') === 'true' || Boolean(phraseoutput?.detailed?.options?.some((option) => /^wordtimings$/i.test(option)))
  const profanity = phrasedetection?.enrichment?.profanity ?? ask('profanity')
  return {
    mode,
    listening: {
      ...usual,
      segmentationSilenceMs: within(100, silence ?? number(ask('endSilenceTimeoutMs')) ?? usual.segmentationSilenceMs, 5_000),
      initialSilenceMs: within(500, phrasedetection?.initialsilencetimeout ?? number(ask('initialSilenceTimeoutMs')) ?? usual.initialSilenceMs, 60_000),
      maxPhraseMs: within(3_000, cut?.segmentationforcedtimeoutms ?? usual.maxPhraseMs, 25_000),
      // `recognizeOnceAsync` waits for one phrase and continuous recognition for all, at every path.
      firstPhraseOnly: client ? client === 'interactive' : usual.firstPhraseOnly,
    },
    detailed: phraseoutput?.format === 'detailed' || readFormat(query) === 'detailed',
    wordTimings,
    interims: phraseoutput?.interimresults?.resulttype !== 'none',
    profanity: profanities.find((known) => known === profanity) ?? 'masked',
    annotations: readAnnotations(served.deployment.locale, spoken, query),
    phrases: readPhrases(dgi?.groups?.flatMap((group) => group.items ?? []) ?? [], dgi?.bias ?? 1),
  }
}

/** The annotations that the client asks for. Language and speakers are not detected, so their values are constant. */
function readAnnotations(locale: string, { languageid, phrasedetection }: SpeechContext, query: URLSearchParams): Annotations {
  const isDetecting = findParameter(query, 'lidEnabled')?.toLowerCase() === 'true'
  const candidates = languageid ? (languageid.languages ?? []) : isDetecting ? (findParameter(query, 'language') ?? '').split(',').filter(Boolean) : undefined
  if (candidates) checkLanguages(locale, candidates)
  return {
    ...(candidates && { PrimaryLanguage: { Language: locale, Confidence: 'Unknown' } }),
    ...(phrasedetection?.speakerdiarization ? { SpeakerId: 'Unknown' } : {}),
  }
}

/** The query's format. Throws for an unknown one, because the client could not read the other format. */
function readFormat(query: URLSearchParams): 'simple' | 'detailed' {
  const format = findParameter(query, 'format')?.toLowerCase() ?? 'simple'
  if (format === 'simple' || format === 'detailed') return format
  throw new ProblemError(400, 'UNKNOWN_FORMAT', 'The format is unknown. Use simple or detailed.')
}

/** Names of parameters are not case-sensitive, as in Microsoft's service. */
export function findParameter(query: URLSearchParams, name: string): string | undefined {
  const wanted = name.toLowerCase()
  return [...query].find(([given]) => given.toLowerCase() === wanted)?.[1]
}

/** A warning if the client asks for another language than the deployment's; otherwise undefined. */
export function findLanguageWarning({ deployment }: ServedDeployment, query: URLSearchParams): string | undefined {
  return explainOtherLanguage(deployment.locale, [findParameter(query, 'language') ?? ''])
}

function readPhrases(items: { text: string }[], bias: number): RecognitionOptions['phrases'] {
  const texts = [...new Set(items.map(({ text }) => text.normalize('NFC').trim()).filter(Boolean))]
  const problem =
    texts.length > maxPhrases
      ? `The phrase list has ${texts.length} phrases. Send at most ${maxPhrases}.`
      : texts.some((text) => text.length > maxPhrase)
        ? `A phrase of the phrase list is longer than ${maxPhrase} characters. Shorten it.`
        : undefined
  if (problem) throw new ProblemError(400, 'PHRASE_LIST_TOO_LONG', problem)
  return texts.map((text) => ({ text, weight: within(0, bias, 2) }))
}

const toMode = (mode: string | undefined): RecognitionMode | undefined =>
  mode === 'interactive' || mode === 'conversation' || mode === 'dictation' ? mode : undefined
const number = (text: string | undefined) => (text && Number(text) > 0 ? Number(text) : undefined)
const within = (min: number, value: number, max: number) => Math.min(max, Math.max(min, value))
