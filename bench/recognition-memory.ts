// The memory of a stream in this process and in the detector: many streams that are first silent, then all in the
// middle of a phrase.
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { RecognizerModel } from '../src/decoding/recognizer-model.ts'
import { openLog } from '../src/log.ts'
import { openRecognizers } from '../src/recognition/recognizers.ts'
import { segmentationSettingsFor } from '../src/recognition/segmentation-settings.ts'
import { openResumableStream } from '../src/speech/resumable-stream.ts'
import { heapInUse } from './heap.ts'
import { readRecordings } from './recordings.ts'

export interface StreamMemory {
  /** Kilobytes for each stream. */
  silent: { own: number; detector: number }
  inPhrase: { own: number; detector: number }
}

const count = 100
const silenceSeconds = 12
const speechSeconds = 10
const second = 32_000
/** A client's message has a tenth of a second. */
const piece = second / 10

// Nothing is decoded, so no worker starts. Their number sets the capacity for streams.
const recognizers = openRecognizers({ workers: 20, memoryMb: 20_000 }, openLog('error'))
const model: RecognizerModel = { id: 'none', encoder: 'none', decoder: 'none', writing: 'none' }
let inSpeech = 0
const drained = Array.from({ length: count }, () => () => {})
const open = (n: number) =>
  openResumableStream(
    recognizers,
    {
      model,
      workspaceId: 'bench',
      deploymentId: 'bench',
      mode: 'conversation',
      listening: segmentationSettingsFor('CONVERSATIONAL', 'conversation'),
      format: { sampleRate: 16_000, channels: 1 },
      interims: false,
      alternatives: 1,
      wordTimings: false,
      phrases: [],
    },
    {
      event({ kind }) {
        if (kind === 'SPEECH_START') inSpeech++
        if (kind === 'SPEECH_END') inSpeech--
      },
      drained: () => drained[n]?.(),
      failed(error) {
        console.error(error)
        process.exit(1)
      },
    },
    0,
  )

// The first stream makes the detector load its model.
const first = open(0)
await delay(2000)
first.close()
const before = await measure()
const streams = drained.map((_, n) => open(n))
await say(Buffer.alloc(second), silenceSeconds)
const silent = await measure()
const voice = readRecordings()[0]?.pcm.subarray(2.2 * second, 2.8 * second) ?? Buffer.alloc(0)
await say(Buffer.concat([voice, voice]).subarray(0, second), speechSeconds)
const inPhrase = await measure()
if (recognizers.usage().streams !== count || inSpeech !== count) throw new Error(`${inSpeech} of ${count} streams are in a phrase`)

const each = (after: typeof before) => ({ own: (after.own - before.own) / count / 1024, detector: (after.detector - before.detector) / count / 1024 })
process.send?.({ silent: each(silent), inPhrase: each(inPhrase) } satisfies StreamMemory)
process.on('disconnect', () => process.exit())

/** Writes the sound to all streams, each as fast as it drains. */
async function say(sound: Buffer, seconds: number) {
  await Promise.all(
    streams.map(async (stream, n) => {
      for (let at = 0; at < seconds * second; at += piece) {
        const isDrained = new Promise<void>((done) => {
          drained[n] = done
        })
        const from = at % second
        if (!stream.write(Uint8Array.from(sound.subarray(from, from + piece)))) await isDrained
      }
    }),
  )
  await delay(3000)
}

async function measure() {
  const heap = await heapInUse()
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ')
  const detector = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('detector.process.ts'))
  const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${detector}/status`, 'utf8'))?.[1]
  return { own: heap + process.memoryUsage().arrayBuffers, detector: Number(resident) * 1024 }
}
