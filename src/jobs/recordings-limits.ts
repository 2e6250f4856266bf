import { TaskRefusal } from '../sandbox/task.ts'

/** The maximum duration of one recording. */
export const maxSeconds = 60
/** Reading ends after so many problems. */
const maxProblems = 50

export interface UnpackRequest {
  zip: string
  /** An empty directory for the unpacked recordings. */
  dir: string
  /** The locale, which decides how numbers are spoken as words. */
  locale: string
  /** False when only WAV can be read. */
  hasDecoders: boolean
}

/** A recording that the table names. */
export interface Unpacked {
  name: string
  text: string
  /** The file of 16-bit mono samples, or the original recording when `sound` is undefined. */
  path: string
  sound: { sampleRate: number } | undefined
}

/** A number of recordings in words. */
export const countRecordings = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'recording' : 'recordings'}`

export const explainAudio = (name: string, reason: string) =>
  new TaskRefusal(`has a recording that cannot be used: ${name}. ${reason.replace(/\.$/, '')}`, { problems: [`${name}: ${reason}`] })

/** Collects the problems of a zip, so that one refusal names all of them. */
export class RecordingProblems {
  #first: TaskRefusal | undefined
  readonly #sentences: string[] = []

  /** Adds a refusal. Throws when the problems are too many. */
  add(problem: TaskRefusal): void {
    this.#first ??= problem
    this.#sentences.push(...((problem.details['problems'] as string[] | undefined) ?? [problem.message]))
    if (this.#sentences.length < maxProblems) return
    this.#sentences.push('The rest of the file was not checked.')
    this.throw()
  }

  /** Throws when the zip has problems. The reason is the first one, and the details have a sentence for each. */
  throw(): void {
    if (this.#first) throw new TaskRefusal(this.#first.message, { problems: this.#sentences.slice(0, maxProblems + 1) })
  }
}
