import { TaskRefusal } from '../sandbox/task.ts'

/** The maximum duration of one recording. */
export const maxSeconds = 60

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

export const explainAudio = (name: string, reason: string) => new TaskRefusal(`has a recording that cannot be used: ${name}. ${reason.replace(/\.$/, '')}`)
