import { TaskRefusal } from '../sandbox/task.ts'

/** What one recording may last. */
export const maxSeconds = 60

export interface UnpackRequest {
  zip: string
  /** An empty directory for the recordings. */
  dir: string
  /** How numbers are said, which counts as words. */
  locale: string
  /** False where nothing but WAV can be read. */
  hasDecoders: boolean
}

/** A recording that the table names. */
export interface Unpacked {
  name: string
  text: string
  /** Of 16-bit samples of one channel; of the recording as it came where `sound` is undefined. */
  path: string
  sound: { sampleRate: number } | undefined
}

export const explainAudio = (name: string, reason: string) => new TaskRefusal(`has a recording that cannot be used: ${name}. ${reason.replace(/\.$/, '')}`)
