// Recognizers with real models, and clients that speak to them at the speed of speech.

import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { openArtifacts } from '../../src/artifacts/store.ts'
import type { Config } from '../../src/config.ts'
import type { RecognizerModel } from '../../src/decoding/recognizer-model.ts'
import { readCatalog } from '../../src/domain/catalog.ts'
import { openLog } from '../../src/log.ts'
import type { Scenario } from '../../src/postgres/tables.ts'
import { toRecognizerModel } from '../../src/recognition/model-files.ts'
import type { StreamEvent, StreamRequest } from '../../src/recognition/recognizer-stream.ts'
import { openRecognizers } from '../../src/recognition/recognizers.ts'
import type { Recognizers } from '../../src/recognition/recognizers-port.ts'
import { segmentationSettingsFor } from '../../src/recognition/segmentation-settings.ts'

export const silentLog = openLog('silent')

/** The base models of a scenario, as a deployment of them would serve them. */
export async function baseModel(scenario: Scenario = 'SEARCH_AND_DICTATION'): Promise<RecognizerModel> {
  const catalog = await readCatalog(resolve(import.meta.dirname, '../../src/catalog/catalog.json'))
  const artifacts = await openArtifacts({ dataDir: join(tmpdir(), 'custom-speech-test-models'), privateSources: false })
  const find = (kind: string) => {
    const model = catalog.models.find((one) => one.kind === kind && one.scenario === scenario)
    if (!model) throw new Error(`the catalog has no ${kind} model for ${scenario}`)
    return artifacts.fetch(model)
  }
  return toRecognizerModel(await find('ACOUSTIC'), await find('LANGUAGE'))
}

export function requestFor(model: RecognizerModel, options: Partial<StreamRequest> = {}): StreamRequest {
  const mode = options.mode ?? 'conversation'
  return {
    model,
    workspaceId: 'w',
    deploymentId: 'a',
    mode,
    listening: segmentationSettingsFor('SEARCH_AND_DICTATION', mode),
    format: { sampleRate: 16_000, channels: 1 },
    interims: true,
    alternatives: 1,
    wordTimings: false,
    phrases: [],
    ...options,
  }
}

interface Told {
  /** Milliseconds since the first sample was written. */
  at: number
  event: StreamEvent
}

/** Opens a stream and collects its events. */
export async function openClient(recognizers: Recognizers, request: StreamRequest) {
  const told: Told[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const one of waiting) one()
  }
  let began = performance.now()
  let failure: Error | undefined
  let drained = 0
  const stream = await recognizers.open(request, {
    event(event) {
      told.push({ at: performance.now() - began, event })
      wake()
    },
    drained() {
      drained++
      wake()
    },
    failed(error) {
      failure = error
      wake()
    },
  })
  const bytesPerSecond = request.format.sampleRate * request.format.channels * 2

  async function until(isDone: () => boolean) {
    while (!isDone()) {
      if (failure) throw failure
      await new Promise<void>((woken) => {
        const once = () => {
          waiting.delete(once)
          woken()
        }
        waiting.add(once)
      })
    }
  }

  return {
    stream,
    told,
    events: () => told.map(({ event }) => event),
    phrases: () => told.flatMap(({ event }) => (event.kind === 'PHRASE' ? [event.phrase] : [])),
    hypotheses: () => told.flatMap(({ event }) => (event.kind === 'HYPOTHESIS' ? [event.text] : [])),
    until,
    untilTold: (kind: StreamEvent['kind'], count = 1) => until(() => told.filter(({ event }) => event.kind === kind).length >= count),
    failure: () => failure,
    untilFailed: async () => {
      await until(() => false).catch(() => {})
      return failure as Error
    },
    /** Sends audio like a microphone: a tenth of a second every tenth of a second. */
    async speak(pcm: Buffer, speed = 1) {
      began = performance.now()
      const piece = bytesPerSecond / 10
      for (let n = 0; n * piece < pcm.length && !failure; n++) {
        const due = began + ((n + 1) * 100) / speed - performance.now()
        if (due > 0) await new Promise((resolved) => setTimeout(resolved, due))
        stream.write(pcm.subarray(n * piece, (n + 1) * piece))
      }
    },
    /** Sends audio as fast as the stream accepts it. */
    async send(pcm: Buffer) {
      began = performance.now()
      for (let at = 0; at < pcm.length && !failure; at += bytesPerSecond) {
        const drainedBefore = drained
        if (!stream.write(pcm.subarray(at, at + bytesPerSecond))) await until(() => drained > drainedBefore)
      }
    },
    drained: () => drained,
  }
}

export const silence = (seconds: number) => Buffer.alloc(Math.round(seconds * 16_000) * 2)

/** The processes of one program that this process has started. */
export function childrenRunning(program: 'worker.process.ts' | 'detector.process.ts'): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Opens recognizers for one test. */
export function openTestRecognizers(config: Partial<Config['recognition']> = {}, timeouts?: Parameters<typeof openRecognizers>[2]): Recognizers {
  const recognizers = openRecognizers({ workers: 2, memoryMb: 1600, ...config }, silentLog, timeouts)
  onTestFinished(() => recognizers.close())
  return recognizers
}

/** Resolves when a worker has begun to decode. */
export async function untilBusy(recognizers: Recognizers) {
  while (recognizers.usage().workers.busy === 0) await new Promise(setImmediate)
}
