import type { ServerResponse } from 'node:http'
import { sampleRate } from '../audio/pcm.ts'
import type { Phrase } from '../recognition/recognizer-stream.ts'
import { nameLanguage } from '../speech/language.ts'
import type { TranscriptionRequest } from './openai-request.ts'
import type { RecordingResult } from './short-audio.ts'
import { sendJson } from './short-audio-route.ts'
import { type Line, writeSrt, writeVtt } from './subtitles.ts'
import { writeWarnings } from './warnings.ts'

type Wanted = Pick<TranscriptionRequest, 'format' | 'wordTimings'> & { locale: string; revision: number }

/** Sends a whole transcript in the requested format. */
export function sendTranscript(response: ServerResponse, heard: RecordingResult, wanted: Wanted): void {
  const { format } = wanted
  const warning = writeWarnings(heard.warnings)
  if (format === 'json') sendJson(response, { text: textOf(heard), usage: usageOf(heard) }, warning)
  else if (format === 'verbose_json') sendJson(response, toVerboseJson(heard, wanted), warning)
  else {
    const body = format === 'text' ? `${textOf(heard)}\n` : format === 'srt' ? writeSrt(toLines(heard)) : writeVtt(toLines(heard))
    const type = `${format === 'vtt' ? 'text/vtt' : 'text/plain'}; charset=utf-8`
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...warning }).end(body)
  }
}

/** The duration in whole seconds, as OpenAI reports it for models without tokens. */
export const usageOf = ({ seconds }: RecordingResult) => ({ type: 'duration', seconds: Math.ceil(seconds) })

export const textOf = ({ phrases }: Pick<RecordingResult, 'phrases'>) => phrases.map(({ display }) => display).join(' ')

const round = (samples: number) => Math.round((samples * 1000) / sampleRate) / 1000

const toLines = ({ phrases }: RecordingResult): Line[] =>
  phrases.map(({ offset, duration, display }) => ({ start: round(offset), end: round(offset + duration), text: display }))

function toVerboseJson(heard: RecordingResult, { locale, revision, wordTimings }: Wanted): object {
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
  return {
    task: 'transcribe',
    language: nameLanguage(locale),
    /** Not in OpenAI's answers, whose clients ignore it. */
    revision,
    duration: Math.round(heard.seconds * 1000) / 1000,
    text: textOf(heard),
    segments,
    ...(wordTimings && { words: heard.phrases.flatMap(wordsOf) }),
    usage: usageOf(heard),
    ...(heard.warnings.length && { warnings: heard.warnings }),
  }
}

const wordsOf = ({ alternatives }: Phrase) =>
  (alternatives[0]?.words ?? []).map(({ word, offset, duration }) => ({ word, start: round(offset), end: round(offset + duration) }))
