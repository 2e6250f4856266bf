import type { IncomingHttpHeaders } from 'node:http'
import { ProblemError } from '../http/problem.ts'
import type { ClientMessage } from './protocol.ts'
import { readSpeechContext, type SpeechContext } from './speech-context.ts'

// Clients of Microsoft's other speech services reach an endpoint through the same SpeechConfig. Without a refusal they
// would wait for results of another shape. Each sentence fits into a close frame.
const reasons = {
  synthesis: 'This endpoint does not synthesize speech. Use a SpeechRecognizer.',
  translation: 'This endpoint does not translate. Use a SpeechRecognizer.',
  pronunciation: 'This endpoint does not assess pronunciation. Remove the PronunciationAssessmentConfig.',
  intent: 'This endpoint does not recognize intents. Use a SpeechRecognizer.',
  dialog: 'This endpoint does not run dialogs. Use a SpeechRecognizer.',
  meeting: 'This endpoint does not identify meeting participants. Use a ConversationTranscriber.',
  languageAlone: 'This endpoint does not detect languages. Use a SpeechRecognizer.',
}

const unsupported = (feature: keyof typeof reasons) => new ProblemError(400, 'FEATURE_NOT_SUPPORTED', reasons[feature])

const paths: [RegExp, keyof typeof reasons][] = [
  [/^(\/tts|\/voice)?\/cognitiveservices\//i, 'synthesis'],
  [/^\/speech\/translation\//i, 'translation'],
  [/^\/speech\/recognition\/(multiaudio|dynamicaudio)\/?$/i, 'meeting'],
  [/^(\/commands)?\/api\/v\d\/?$/i, 'dialog'],
]

const messages: Record<string, keyof typeof reasons> = {
  'synthesis.context': 'synthesis',
  ssml: 'synthesis',
  'text.piece': 'synthesis',
  agent: 'dialog',
  'agent.config': 'dialog',
  'speech.agent.context': 'dialog',
}

/** A MeetingTranscriber describes its meeting in an event. Other events are ignored. */
const beginsMeeting = /"(meeting|conversation)"\s*:\s*\{/

/** True for the paths of Microsoft's other speech services. */
export const isOtherServicePath = (path: string) => paths.some(([pattern]) => pattern.test(path))

/** The refusal of a path without an endpoint. */
export function explainPath(path: string): ProblemError {
  const other = paths.find(([pattern]) => pattern.test(path))
  return other ? unsupported(other[1]) : new ProblemError(404, 'UNKNOWN_PATH', "No endpoint is at this path. Use the endpoint's webSocketUrl.")
}

/** The refusal of a message that asks for an unsupported feature; undefined for messages that can be handled or ignored. */
export function explainMessage(message: ClientMessage): ProblemError | undefined {
  if (message.path === 'speech.context') return explainContext(readSpeechContext(message.body))
  if (message.path !== 'other') return undefined
  if (message.name === 'speech.event' && message.body && beginsMeeting.test(message.body.toString('latin1'))) return unsupported('meeting')
  const feature = Object.hasOwn(messages, message.name) ? messages[message.name] : undefined
  return feature && unsupported(feature)
}

function explainContext({ translation, intent, phrasedetection, languageid }: SpeechContext): ProblemError | undefined {
  if (translation || phrasedetection?.onsuccess?.action === 'translate') return unsupported('translation')
  if (intent) return unsupported('intent')
  if (phrasedetection?.enrichment?.pronunciationassessment) return unsupported('pronunciation')
  if (languageid?.onsuccess?.action === 'none' || phrasedetection?.mode === 'none') return unsupported('languageAlone')
  return undefined
}

/** Throws for an HTTP header that asks for an unsupported feature. */
export function refuseUnsupportedHeaders(headers: IncomingHttpHeaders): void {
  if (headers['pronunciation-assessment']) throw unsupported('pronunciation')
}

/**
 * Throws if the deployment's language is not among the candidates. `und` means any language. Regions are not compared:
 * en-US serves a client that lists en-GB better than a refusal.
 */
export function checkLanguages(locale: string, candidates: string[]): void {
  const languageOf = (tag: string) => tag.trim().toLowerCase().split(/[-_]/)[0] ?? ''
  if (!candidates.length || candidates.some((tag) => ['und', 'openrange', languageOf(locale)].includes(languageOf(tag)))) return
  const list = candidates
    .slice(0, 5)
    .map((tag) => tag.trim())
    .join(', ')
  throw new ProblemError(400, 'LANGUAGE_NOT_AVAILABLE', `This endpoint recognizes ${locale}, which is not among ${list}.`)
}

/** Often used parts of OpenAI's API that this server does not have. */
const otherOpenAiPaths: [path: RegExp, message: string][] = [
  [/^\/v1\/audio\/translations\b/, 'This server does not translate.'],
  [/^\/v1\/audio\/speech\b/, 'This server does not synthesize speech.'],
  [/^\/v1\/realtime\b/, "This server does not have OpenAI's Realtime API. Send live audio to a deployment's webSocketUrl."],
  [/^\/v1\/(chat|completions|responses|embeddings)\b/, 'This server does not generate text.'],
]

export function unknownOpenAiPath(pathname: string): ProblemError {
  const [, message] = otherOpenAiPaths.find(([path]) => path.test(pathname)) ?? [undefined, 'This path does not exist.']
  return new ProblemError(404, 'UNKNOWN_PATH', `${message} Use POST /v1/audio/transcriptions to transcribe audio, and GET /v1/models to list models.`)
}
