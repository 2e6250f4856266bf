import type { ServedDeployment } from '../domain/endpoint.ts'
import { defaultMode, type RecognitionMode } from '../domain/recognition-mode.ts'
import { ProblemError } from '../http/problem.ts'
import { type SegmentationSettings, segmentationSettingsFor } from '../recognition/segmentation-settings.ts'
import { explainOtherLanguage } from './language.ts'
import { type Profanity, profanities } from './profanity.ts'
import { readSpeechConfig, readSpeechContext, type SpeechContext } from './speech-context.ts'
import { checkLanguages } from './unsupported.ts'

/** How a client wants one turn to be recognized and written. */
export interface RecognitionOptions {
  mode: RecognitionMode
  listening: SegmentationSettings
  detailed: boolean
  wordTimings: boolean
  interims: boolean
  profanity: Profanity
  phrases: { text: string; weight: number }[]
  /** Fields of every hypothesis and phrase that clients of language detection and of speaker separation read. */
  annotations: Annotations
}

interface Annotations {
  PrimaryLanguage?: { Language: string; Confidence: 'Unknown' }
  SpeakerId?: 'Unknown'
}

/** What a client said before its audio, by whatever way. */
export interface RequestedOptions {
  served: ServedDeployment
  /** Undefined on the universal path, which names none. */
  pathMode: RecognitionMode | undefined
  query: URLSearchParams
  /** The bodies of speech.config and speech.context; clients over HTTP have none. */
  config?: unknown
  context?: unknown
}

/** Detailed answers list as many readings of each phrase as the beam search has. */
export const detailedAlternatives = 4
const maxPhrases = 500
const maxPhrase = 200

export function readOptions({ served, pathMode, query, config, context }: RequestedOptions): RecognitionOptions {
  const ask = (name: string) => findParameter(query, name)?.toLowerCase()
  const spoken = readSpeechContext(context)
  const { phrasedetection, phraseoutput, dgi } = spoken
  const { scenario } = served.acousticModel
  // The SDK's continuous recognition calls itself a conversation even when someone dictates.
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
      // Whoever recognizes once waits for one phrase, whoever recognizes continuously for all, whatever the path is called.
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

/** What is asked for and is the same for all speech here: nothing is detected, which the confidence says. */
function readAnnotations(locale: string, { languageid, phrasedetection }: SpeechContext, query: URLSearchParams): Annotations {
  const isDetecting = findParameter(query, 'lidEnabled')?.toLowerCase() === 'true'
  const candidates = languageid ? (languageid.languages ?? []) : isDetecting ? (findParameter(query, 'language') ?? '').split(',').filter(Boolean) : undefined
  if (candidates) checkLanguages(locale, candidates)
  return {
    ...(candidates && { PrimaryLanguage: { Language: locale, Confidence: 'Unknown' } }),
    ...(phrasedetection?.speakerdiarization ? { SpeakerId: 'Unknown' } : {}),
  }
}

/** The query's format; a word that is none is an error, since it would be answered with another shape. */
function readFormat(query: URLSearchParams): 'simple' | 'detailed' {
  const format = findParameter(query, 'format')?.toLowerCase() ?? 'simple'
  if (format === 'simple' || format === 'detailed') return format
  throw new ProblemError(400, 'UNKNOWN_FORMAT', 'The format is simple or detailed.')
}

/** Names of parameters are compared as the original does: without regard to case. */
export function findParameter(query: URLSearchParams, name: string): string | undefined {
  const wanted = name.toLowerCase()
  return [...query].find(([given]) => given.toLowerCase() === wanted)?.[1]
}

/** A sentence when the client asks for a language that is not the deployment's. */
export function contradiction({ deployment }: ServedDeployment, query: URLSearchParams): string | undefined {
  return explainOtherLanguage(deployment.locale, [findParameter(query, 'language') ?? ''])
}

function readPhrases(items: { text: string }[], bias: number): RecognitionOptions['phrases'] {
  const texts = [...new Set(items.map(({ text }) => text.normalize('NFC').trim()).filter(Boolean))]
  const problem =
    texts.length > maxPhrases
      ? `The phrase list has ${texts.length} phrases. At most ${maxPhrases} can be followed.`
      : texts.some((text) => text.length > maxPhrase)
        ? `A phrase of the phrase list is longer than ${maxPhrase} characters.`
        : undefined
  if (problem) throw new ProblemError(400, 'PHRASE_LIST_TOO_LONG', problem)
  return texts.map((text) => ({ text, weight: within(0, bias, 2) }))
}

const toMode = (mode: string | undefined): RecognitionMode | undefined =>
  mode === 'interactive' || mode === 'conversation' || mode === 'dictation' ? mode : undefined
const number = (text: string | undefined) => (text && Number(text) > 0 ? Number(text) : undefined)
const within = (least: number, value: number, most: number) => Math.min(most, Math.max(least, value))
