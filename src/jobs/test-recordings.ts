import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AudioError } from '../audio/audio-error.ts'
import type { Decoders } from '../audio/decoders.ts'
import type { Pcm } from '../audio/pcm.ts'
import { readSound } from '../audio/read-audio.ts'
import { explainTask, JobFailure } from '../lifecycle/job-failure.ts'
import { readingLimits } from '../sandbox/reading-limits.ts'
import { runTask, TaskRefusal } from '../sandbox/task.ts'
import { countRecordings, explainAudio, maxSeconds, RecordingProblems, type Unpacked, type UnpackRequest } from './recordings-limits.ts'

/** A recording and its transcript. */
export interface TestRecording {
  name: string
  text: string
  /** The file of 16-bit mono samples. */
  path: string
  bytes: number
  sampleRate: number
  /** Reads the audio from disk. */
  read(): Promise<Pcm>
}

/** The limits of all recordings together. */
export interface RecordingsLimits {
  minRecordings: number
  maxTotalSeconds: number
}

/** The limits of recordings that evaluate a language model at its creation. */
const usualLimits: RecordingsLimits = { minRecordings: 2, maxTotalSeconds: 20 * 60 }
/** The CPU limit of the process. 400 MB of WAV files take about 10 s. */
const cpuSeconds = 60

interface RecordingsOptions {
  /** An empty directory for the unpacked recordings, which must exist until the last read. */
  dir: string
  locale: string
  decoders: Decoders
  signal: AbortSignal
  limits?: RecordingsLimits
}

/**
 * Reads a zip of recordings and one TSV or JSON Lines file with their names and transcripts. A child process
 * unpacks the zip, and the decoders' processes decode recordings that are not plain WAV. Rejects with RECORDINGS_UNUSABLE.
 */
export async function readTestRecordings(zip: string, { dir, locale, decoders, signal, limits = usualLimits }: RecordingsOptions): Promise<TestRecording[]> {
  const request: UnpackRequest = { zip, dir, locale, hasDecoders: decoders.isAvailable }
  const program = join(import.meta.dirname, 'recordings.process.ts')
  const unpacked = await runTask<UnpackRequest, Unpacked[]>(program, request, { limits: readingLimits(cpuSeconds), signal }).catch(fail)
  const { minRecordings, maxTotalSeconds } = limits
  if (unpacked.length < minRecordings) throw refuse(`needs at least ${countRecordings(minRecordings)}`)
  const problems = new RecordingProblems()
  const recordings: TestRecording[] = []
  let seconds = 0
  for (const one of unpacked) {
    const sound = one.sound ? { path: one.path, ...one.sound } : await decode(one, decoders, signal).catch((error) => note(problems, error))
    if (!sound) continue
    const { path, sampleRate } = sound
    const bytes = (await stat(path)).size
    seconds += bytes / 2 / sampleRate
    if (seconds > maxTotalSeconds) throw refuse(`has more than ${maxTotalSeconds / 60} minutes of speech, up to ${one.name}`)
    const read = async () => ({ samples: await readFile(path), sampleRate, channels: 1 })
    recordings.push({ name: one.name, text: one.text, path, bytes, sampleRate, read })
  }
  try {
    problems.throw()
  } catch (error) {
    fail(error)
  }
  return recordings
}

/** Decodes a recording into a file beside it. A recording that causes a warning is refused, since its audio can be incomplete. */
async function decode({ name, path }: Unpacked, decoders: Decoders, signal: AbortSignal): Promise<{ path: string; sampleRate: number }> {
  const warn = (text: string) => {
    throw explainAudio(name, text)
  }
  const decoded = `${path}.pcm`
  let sampleRate = 0
  const samples = async function* () {
    for await (const sound of readSound(createReadStream(path), { decoders, maxSeconds, fileBytes: (await stat(path)).size, signal, warn })) {
      sampleRate = sound.format.sampleRate
      yield sound.pcm
    }
  }
  try {
    await pipeline(samples, createWriteStream(decoded))
  } catch (error) {
    throw error instanceof AudioError && !/^DECODER/.test(error.code) ? explainAudio(name, error.message) : error
  }
  return { path: decoded, sampleRate }
}

/** Adds the problem of a recording to those of the zip. */
function note(problems: RecordingProblems, error: unknown): undefined {
  if (!(error instanceof TaskRefusal)) fail(error)
  try {
    problems.add(error)
  } catch (all) {
    fail(all)
  }
}

function fail(error: unknown): never {
  throw explainTask(error, 'RECORDINGS_UNUSABLE', 'The zip of recordings')
}

const refuse = (reason: string) => new JobFailure('RECORDINGS_UNUSABLE', `The zip of recordings ${reason}.`, { isLasting: true })
