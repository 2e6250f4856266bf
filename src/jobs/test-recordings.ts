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
import { runTask } from '../sandbox/task.ts'
import { explainAudio, maxSeconds, type Unpacked, type UnpackRequest } from './recordings-limits.ts'

/** A recording and its transcript. */
export interface TestRecording {
  name: string
  text: string
  /** Reads the audio from disk. */
  read(): Promise<Pcm>
}

const maxTotalSeconds = 20 * 60
const minRecordings = 2
/** The CPU limit of the process. 400 MB of WAV files take about 10 s. */
const cpuSeconds = 60

interface RecordingsOptions {
  /** An empty directory for the unpacked recordings, which must exist until the last read. */
  dir: string
  locale: string
  decoders: Decoders
  signal: AbortSignal
}

/**
 * Reads a zip of recordings and one TSV, whose lines contain the name of a file, a tab and a transcript. A child process
 * unpacks the zip, and the decoders' processes decode recordings that are not plain WAV. Rejects with RECORDINGS_UNUSABLE.
 */
export async function readTestRecordings(zip: string, { dir, locale, decoders, signal }: RecordingsOptions): Promise<TestRecording[]> {
  const request: UnpackRequest = { zip, dir, locale, hasDecoders: decoders.isAvailable }
  const program = join(import.meta.dirname, 'recordings.process.ts')
  const unpacked = await runTask<UnpackRequest, Unpacked[]>(program, request, { limits: readingLimits(cpuSeconds), signal }).catch(fail)
  if (unpacked.length < minRecordings) throw refuse(`needs at least ${minRecordings} recordings`)
  const recordings: TestRecording[] = []
  let seconds = 0
  for (const one of unpacked) {
    const { path, sampleRate } = one.sound ? { path: one.path, ...one.sound } : await decode(one, decoders, signal).catch(fail)
    seconds += (await stat(path)).size / 2 / sampleRate
    if (seconds > maxTotalSeconds) throw refuse(`has more than ${maxTotalSeconds / 60} minutes of speech, up to ${one.name}`)
    recordings.push({ name: one.name, text: one.text, read: async () => ({ samples: await readFile(path), sampleRate, channels: 1 }) })
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

function fail(error: unknown): never {
  throw explainTask(error, 'RECORDINGS_UNUSABLE', 'The zip of recordings')
}

const refuse = (reason: string) => new JobFailure('RECORDINGS_UNUSABLE', `The zip of recordings ${reason}.`, { isLasting: true })
