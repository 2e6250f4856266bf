import { setTimeout as wait } from 'node:timers/promises'
import type { RecognizerModel } from '../src/decoding/recognizer-model.ts'
import { openLog } from '../src/log.ts'
import type { Scenario } from '../src/postgres/tables.ts'
import { openRecognizers } from '../src/recognition/recognizers.ts'
import type { Recognizers } from '../src/recognition/recognizers-port.ts'
import { segmentationSettingsFor } from '../src/recognition/segmentation-settings.ts'
import { readRecordings } from './recordings.ts'
import { type Figure, median, milliseconds, percentile } from './table.ts'

/** Streams per core. The next level runs only if the texts of the last one arrived in time. */
const levels = { finals: [4, 8, 12, 16], interims: [2, 4, 6, 8] }
const speakForMs = 12_000
const chunkMs = 100

interface Delays {
  /** From the silence that ends a phrase to its text. */
  finals: number[]
  /** From the first sound to the first words; infinite for phrases without a hypothesis. */
  first: number[]
  refused: number
  failed: number
}

/** Parallel streams at the speed of speech, more and more of them until texts are late or streams are refused. */
export async function liveStreams(scenario: Scenario, model: RecognizerModel, cores: number): Promise<Figure[]> {
  const recognizers = openRecognizers({ workers: cores, memoryMb: cores * 800 }, openLog('error'))
  await recognizers.load(model)
  await wait(2000)
  const figures: Figure[] = []
  const name = scenario === 'CONVERSATIONAL' ? 'base' : 'tiny'
  for (const [kind, steps] of Object.entries(levels)) {
    const isShown = kind === 'interims'
    const what = `${name}, ${isShown ? 'with hypotheses' : 'phrases only'}`
    const most = { text: 0, words: 0 }
    for (const perCore of steps) {
      const { finals, first, refused, failed } = await speakAtOnce(recognizers, scenario, model, perCore * cores, isShown)
      const [p50, p99] = [median(finals), percentile(finals, 0.99)]
      const unseen = first.filter((ms) => !Number.isFinite(ms)).length
      figures.push({ what: `${what}, ${perCore} streams per core: text after silence`, value: `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}` })
      if (isShown) {
        const value = `p50 ${milliseconds(median(first))}, p90 ${milliseconds(percentile(first, 0.9))}`
        figures.push({ what: `${what}, ${perCore} streams per core: first words`, value, ratio: `${unseen} of ${first.length} not shown` })
      }
      if (refused + failed) figures.push({ what: `${what}, ${perCore} streams per core: refused, failed`, value: `${refused}, ${failed}` })
      if (refused + failed || p50 > 300 || p99 > 1000) break
      most.text = perCore
      if (median(first) <= 1000) most.words = perCore
    }
    figures.push({ what: `${what}: streams per core with their texts in time`, value: String(most.text) })
    if (isShown) figures.push({ what: `${what}: streams per core with first words within a second (median)`, value: String(most.words) })
  }
  const { memoryBytes, workers } = recognizers.usage()
  figures.push({ what: `${name}: memory of a recognizer at work`, value: `${Math.round(memoryBytes / 2 ** 20 / workers.running)} MB` })
  await recognizers.close()
  return figures
}

async function speakAtOnce(recognizers: Recognizers, scenario: Scenario, model: RecognizerModel, count: number, interims: boolean): Promise<Delays> {
  const delays: Delays = { finals: [], first: [], refused: 0, failed: 0 }
  const pcm = Buffer.concat(readRecordings().flatMap((recording) => [recording.pcm, Buffer.alloc(32_000)]))
  await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      await wait((n * 1000) / count)
      await speak(recognizers, scenario, model, rotate(pcm, n / count), interims, delays).catch(() => delays.refused++)
    }),
  )
  return delays
}

/** The same speech with another start. */
function rotate(pcm: Buffer, share: number): Buffer {
  const at = Math.floor((pcm.length * share) / 2) * 2
  return Buffer.concat([pcm.subarray(at), pcm.subarray(0, at)])
}

async function speak(recognizers: Recognizers, scenario: Scenario, model: RecognizerModel, pcm: Buffer, interims: boolean, delays: Delays) {
  const listening = segmentationSettingsFor(scenario, 'conversation')
  const began = performance.now()
  /** The time at which a sample was spoken, as `performance.now()`. */
  const saidAt = (sample: number) => began + sample / 16
  let isFirst = false
  let ended = () => {}
  const end = new Promise<void>((done) => {
    ended = done
  })
  const stream = await recognizers.open(
    {
      model,
      workspaceId: 'bench',
      deploymentId: 'bench',
      mode: 'conversation',
      listening,
      format: { sampleRate: 16_000, channels: 1 },
      interims,
      alternatives: 1,
      wordTimings: false,
      phrases: [],
    },
    {
      event(event) {
        if (event.kind === 'SPEECH_START') isFirst = true
        if (event.kind === 'HYPOTHESIS' && isFirst) {
          delays.first.push(performance.now() - saidAt(event.offset))
          isFirst = false
        }
        if (event.kind === 'PHRASE') {
          // The last phrase is cut, so its hypothesis can still be due.
          if (isFirst && interims && (event.phrase.offset + event.phrase.duration) / 16 < speakForMs) delays.first.push(Number.POSITIVE_INFINITY)
          isFirst = false
          const { offset, duration } = event.phrase
          const due = (offset + duration) / 16 + listening.segmentationSilenceMs
          // A phrase that was cut at the maximum length or at the end did not wait for silence.
          if (duration < listening.maxPhraseMs * 15 && due < speakForMs) delays.finals.push(performance.now() - began - due)
        }
        if (event.kind === 'ENDED') ended()
      },
      drained() {},
      failed() {
        delays.failed++
        ended()
      },
    },
  )
  for (let n = 0; n * chunkMs < speakForMs; n++) {
    await wait(Math.max(0, began + (n + 1) * chunkMs - performance.now()))
    stream.write(pcm.subarray(n * chunkMs * 32, (n + 1) * chunkMs * 32))
  }
  stream.finish()
  await end
}
