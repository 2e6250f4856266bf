import { FieldProblem } from './openai-error.ts'
import { type Form, firstField } from './openai-form.ts'

const transcriptFormats = ['json', 'text', 'verbose_json', 'srt', 'vtt'] as const
type TranscriptFormat = (typeof transcriptFormats)[number]

/** The settings in a transcription form. */
export interface TranscriptionRequest {
  model: string | undefined
  format: TranscriptFormat
  /** Answer with events, phrase by phrase. */
  stream: boolean
  wordTimings: boolean
  /** Phrases that the recognizer should prefer. */
  hints: { text: string; weight: number }[]
  languages: string[]
  /** Sentences about ignored settings. */
  warnings: string[]
}

const maxHints = 100
const maxHintLength = 200

/** Reads the fields of OpenAI's createTranscription in the notations of its clients and of compatible programs. */
export function readTranscriptionRequest(form: Form): TranscriptionRequest {
  const format = readFormat(form)
  const stream = readBoolean(form, 'stream')
  if (stream && format !== 'json' && format !== 'text') {
    const message = `An event stream (stream=true) has no ${format}. Use the response_format json or text, or leave out stream.`
    throw new FieldProblem('response_format', 400, 'UNSUPPORTED_FORMAT', message)
  }
  const granularities = readWords(form, 'timestamp_granularities')
  const unknown = granularities.find((granularity) => granularity !== 'word' && granularity !== 'segment')
  if (unknown !== undefined)
    throw new FieldProblem('timestamp_granularities', 400, 'UNKNOWN_GRANULARITY', 'A timestamp granularity is unknown. Send word, segment or both.')
  return {
    model: firstField(form, 'model')?.trim(),
    format,
    stream,
    wordTimings: format === 'verbose_json' && granularities.includes('word'),
    hints: readHints(form),
    languages: [firstField(form, 'language') ?? readWords(form, 'languages')].flat(),
    warnings: [...findUnfollowed(form, format, granularities)],
  }
}

function* findUnfollowed(form: Form, format: TranscriptFormat, granularities: readonly string[]): Generator<string> {
  const has = (name: string) => form.fields.has(name)
  const strategy = firstField(form, 'chunking_strategy')?.toLowerCase() ?? 'auto'
  if (granularities.length && format !== 'verbose_json') yield 'timestamp_granularities was ignored. It needs response_format=verbose_json.'
  if (readWords(form, 'include').length) yield 'include was ignored. The recognizer has no log probabilities of tokens.'
  if (strategy !== 'auto' || has('chunking_strategy.type') || has('chunking_strategy[type]'))
    yield 'chunking_strategy was ignored. The scenario of the deployment decides where phrases end.'
  if (has('known_speaker_names') || has('known_speaker_references')) yield 'known_speaker_names was ignored. The recognizer does not distinguish speakers.'
  if (form.otherFiles) yield `The form has ${form.otherFiles + 1} files. Only the first one named "file" was transcribed.`
}

function readFormat(form: Form): TranscriptFormat {
  const asked = firstField(form, 'response_format')?.trim().toLowerCase() ?? 'json'
  const format = transcriptFormats.find((known) => known === asked)
  if (format) return format
  const reason = asked === 'diarized_json' ? 'This server does not distinguish speakers. ' : ''
  throw new FieldProblem('response_format', 400, 'UNKNOWN_FORMAT', `${reason}Send a response_format of ${transcriptFormats.join(', ')}.`)
}

function readBoolean(form: Form, name: string): boolean {
  const asked = firstField(form, name)?.trim().toLowerCase() ?? 'false'
  if (/^(true|1|yes|on)$/.test(asked)) return true
  if (/^(false|0|no|off|none)$/.test(asked)) return false
  throw new FieldProblem(name, 400, 'INVALID_VALUE', `The field ${name} is neither true nor false. Send one of them.`)
}

/** A list of plain words: repeated fields, a JSON list, a Python list, or separated by commas. */
const readWords = ({ fields }: Form, name: string): string[] =>
  (fields.get(name) ?? [])
    .flatMap((value) => value.replace(/["'[\]]/g, '').split(','))
    .map((word) => word.trim().toLowerCase())
    .filter(Boolean)

/** The parts of a prompt and the keywords have the effect of a phrase list. */
function readHints(form: Form): TranscriptionRequest['hints'] {
  const parts = [firstField(form, 'prompt') ?? '', ...(form.fields.get('keywords') ?? [])].flatMap(splitHints)
  return [...new Set(parts)]
    .filter((part) => part && part.length <= maxHintLength)
    .slice(0, maxHints)
    .map((text) => ({ text, weight: 1 }))
}

const splitHints = (text: string) =>
  text
    .normalize('NFC')
    .split(/[,.;:\n]+/)
    .map((part) => part.trim().replace(/^\[?"|"\]?$/g, ''))
