import { inPieces } from '../audio/recording.ts'
import { listServing } from '../domain/endpoint.ts'
import { type Phrase, sampleRate } from '../recognition/recognizer.ts'
import { listeningFor } from '../recognition/scenario.ts'
import { admit, findSecret, identify } from './admission.ts'
import { type Form, withForm } from './form.ts'
import { SpeechProblem } from './problem.ts'
import { type Exchange, sendJson, toWarningHeader, whileAllowed } from './recognize.ts'
import { type Heard, hearRecording, provenance } from './short-audio.ts'
import type { Speech } from './speech.ts'
import { type Line, writeSrt, writeVtt } from './subtitles.ts'

// The audio API of OpenAI, as far as transcription goes: a model is the endpoint id of a deployment.
// https://platform.openai.com/docs/api-reference/audio/createTranscription

const formats = ['json', 'text', 'verbose_json', 'srt', 'vtt'] as const
type Format = (typeof formats)[number]

/** As much speech as 25 MB of 16 kHz WAV hold, and some more. */
const longestSeconds = 900
const mostHints = 100

/** Writes down a recording of any length that a form may have. */
export async function transcribe(speech: Speech, { request, response, query, gone }: Exchange): Promise<void> {
  const secret = findSecret(request, query)
  const { viewer, workspaceId } = await speech.letIn(request, identify(speech, secret))
  if (request.headers.expect) response.writeContinue()
  await withForm(request, viewer?.keyId ?? workspaceId, gone, async (form) => {
    const format = readFormat(form)
    const admitted = await speech.letIn(request, admit(speech, secret, first(form, 'model') ?? ''))
    const { served, model } = admitted
    const mode = 'conversation'
    const recording = {
      model,
      deploymentId: served.deployment.id,
      mode,
      listening: { ...listeningFor(served.acousticModel.scenario, mode), firstPhraseOnly: false },
      alternatives: 1,
      wordTimings: format === 'verbose_json' && (form.fields.get('timestamp_granularities[]') ?? []).includes('word'),
      phrases: readHints(first(form, 'prompt')),
    } as const
    await whileAllowed(speech, admitted, gone, async (signal) => {
      const heard = await hearRecording(speech, recording, { body: inPieces(form.file), fileBytes: form.file.length }, longestSeconds, signal)
      const language = first(form, 'language')
      const isOther = language && !served.deployment.locale.toLowerCase().startsWith(language.toLowerCase().slice(0, 2))
      const warnings = [...(isOther ? [`This model writes down ${served.deployment.locale}; another language was not followed.`] : []), ...heard.warnings]
      for (const [name, value] of Object.entries(provenance(served, mode))) response.setHeader(name, value)
      for (const [name, value] of Object.entries(toWarningHeader(warnings))) response.setHeader(name, value)
      if (format === 'json') sendJson(response, { text: textOf(heard), usage: { type: 'duration', seconds: Math.ceil(heard.seconds) } })
      else if (format === 'verbose_json')
        sendJson(response, { ...toVerboseJson(heard, served.deployment.locale, recording.wordTimings), ...(warnings.length && { warnings }) })
      else {
        const body = format === 'text' ? `${textOf(heard)}\n` : format === 'srt' ? writeSrt(toLines(heard)) : writeVtt(toLines(heard))
        response.writeHead(200, { 'content-type': `${format === 'vtt' ? 'text/vtt' : 'text/plain'}; charset=utf-8`, 'content-length': Buffer.byteLength(body) })
        response.end(body)
      }
    })
  })
}

/** Lists what the caller may give as `model`. */
export async function listModels(speech: Speech, { request, response, query }: Exchange): Promise<void> {
  const caller = await speech.letIn(request, identify(speech, findSecret(request, query)))
  const deployments = await listServing(speech, caller.workspaceId)
  const data = deployments.map(({ id, name, locale, completedAt, createdAt }) => ({
    id,
    object: 'model',
    created: Math.floor((completedAt ?? createdAt).getTime() / 1000),
    owned_by: 'custom-speech',
    name,
    locale,
  }))
  sendJson(response, { object: 'list', data })
}

/** The error shape that OpenAI's clients read. */
export const toOpenAiError = ({ status, code, message }: SpeechProblem): object => ({
  error: { message, type: status >= 500 ? 'server_error' : status === 429 ? 'rate_limit_exceeded' : 'invalid_request_error', param: null, code },
})

function readFormat(form: Form): Format {
  const asked = first(form, 'response_format') ?? 'json'
  const format = formats.find((known) => known === asked)
  if (!format) throw new SpeechProblem(400, 'UNKNOWN_FORMAT', `The response_format is one of ${formats.join(', ')}.`)
  return format
}

/** The parts of a prompt are words to expect, as those of a phrase list are. */
const readHints = (prompt: string | undefined) =>
  [
    ...new Set(
      (prompt ?? '')
        .normalize('NFC')
        .split(/[,.;:\n]+/)
        .map((part) => part.trim()),
    ),
  ]
    .filter((part) => part && part.length <= 200)
    .slice(0, mostHints)
    .map((text) => ({ text, weight: 1 }))

const first = ({ fields }: Form, name: string) => fields.get(name)?.[0]

const textOf = ({ phrases }: Heard) => phrases.map(({ display }) => display).join(' ')

const round = (samples: number) => Math.round((samples * 1000) / sampleRate) / 1000

const toLines = ({ phrases }: Heard): Line[] =>
  phrases.map(({ offset, duration, display }) => ({ start: round(offset), end: round(offset + duration), text: display }))

function toVerboseJson(heard: Heard, locale: string, hasWords: boolean): object {
  const segments = heard.phrases.map((phrase, id) => ({
    id,
    seek: 0,
    start: round(phrase.offset),
    end: round(phrase.offset + phrase.duration),
    text: phrase.display,
    tokens: [],
    temperature: 0,
    avg_logprob: Number(Math.log(Math.max(phrase.confidence, 1e-6)).toFixed(4)),
    compression_ratio: 1,
    no_speech_prob: 0,
  }))
  const words = heard.phrases.flatMap(wordsOf)
  const language = new Intl.DisplayNames('en', { type: 'language' }).of(locale.split('-')[0] ?? locale)?.toLowerCase() ?? locale
  const answer = { task: 'transcribe', language, duration: Math.round(heard.seconds * 1000) / 1000, text: textOf(heard), segments }
  return hasWords ? { ...answer, words } : answer
}

const wordsOf = ({ alternatives }: Phrase) =>
  (alternatives[0]?.words ?? []).map(({ word, offset, duration }) => ({ word, start: round(offset), end: round(offset + duration) }))
