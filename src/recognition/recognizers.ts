import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { Log } from '../log.ts'
import { type Child, startChild } from '../sandbox/child.ts'
import { AdmissionControl } from './admission-control.ts'
import type { DetectorReply, DetectorRequest } from './detector-messages.ts'
import { detectorLimitMb } from './memory-limit.ts'
import type { Suspicion } from './quarantine.ts'
import { recognizeWhole } from './recognize-recording.ts'
import { endLevel, RecognizerCrashedError } from './recognizer-errors.ts'
import type { StreamListener, StreamRequest, WaitOptions } from './recognizer-stream.ts'
import type { Recognizers } from './recognizers-port.ts'
import { ReservedCapacity } from './reserved-capacity.ts'
import { closing, openPool } from './scheduler.ts'
import { Stream } from './stream.ts'

/** Loading reads some hundred megabytes, possibly on a busy machine. */
const loadTimeoutMs = 60_000
/**
 * On a machine without overload, decoding takes a tenth of this time, and the detector milliseconds. A process that
 * exceeds it counts as hung.
 */
const usualTimeouts = { baseMs: 10_000, perSecondMs: 3_000, detectorMs: 10_000 }
const minLifeMs = 5_000

interface Detector {
  child: Child<DetectorRequest>
  streams: Map<number, Stream>
}

/** Starts the detector of all streams, and workers on demand. */
export function openRecognizers(
  config: Config['recognition'],
  log: Log,
  timeouts = usualTimeouts,
  suspected: (suspicion: Suspicion) => void = () => {},
): Recognizers {
  const pool = openPool(config, log, suspected)
  const admission = new AdmissionControl(config.workers)
  const reserved = new ReservedCapacity(config.workers)
  /** All running detectors, also one that is being ended, for the watchdog and close(). */
  const detectors = new Set<Detector>()
  /** The detector of new streams. */
  let present: Detector | undefined
  let lastNumber = 0
  let isClosed = false
  startDetector()

  function startDetector(): Detector {
    const started = performance.now()
    const streams = new Map<number, Stream>()
    const handlers = {
      message: (reply: DetectorReply) => streams.get(reply.stream)?.take(reply),
      ended(reason: string, lastWords: string) {
        if (present === detector) present = undefined
        if (isClosed) return
        log[endLevel(reason)]({ reason, lastWords: lastWords || undefined }, 'the detector ended')
        // The successor starts first, because a failing stream can open another at once. A detector that ended right
        // after its start is replaced only when a stream opens.
        if (!present && performance.now() - started > minLifeMs) startDetector()
        failStreams(detector, new RecognizerCrashedError('The speech detector failed. Connect again.'))
      },
    }
    const child = startChild<DetectorRequest, DetectorReply>(join(import.meta.dirname, 'detector.process.ts'), handlers, detectorLimitMb)
    const detector = { child, streams }
    present = detector
    detectors.add(detector)
    child.gone.then(() => detectors.delete(detector))
    return detector
  }

  const watchdog = setInterval(() => {
    for (const { child, streams } of detectors) if ([...streams.values()].some((stream) => stream.isStuck(timeouts.detectorMs))) child.kill()
  }, timeouts.detectorMs / 5)
  watchdog.unref()

  const failStreams = ({ streams }: Detector, error: Error) => {
    for (const stream of [...streams.values()]) stream.fail(error)
  }

  const ask = <K extends 'LOAD' | 'PING'>(model: RecognizerModel | undefined, timeoutMs: number, signal?: AbortSignal, onlyIfFree = false) =>
    new Promise<number>((resolved, rejected) => {
      signal?.throwIfAborted()
      if (isClosed) throw closing()
      if (model) pool.unused.keep(model)
      const task = model ? ({ kind: 'LOAD', model, onlyIfFree } as const) : ({ kind: 'PING' } as const)
      const ticket = pool.submit<K>({ modelId: model?.id ?? '', workspaceId: '', priority: 'FINAL', task: task as never, timeoutMs }, (settled) => {
        signal?.removeEventListener('abort', abandon)
        if (settled instanceof Error) rejected(settled)
        else resolved(settled.value)
      })
      const abandon = () => {
        ticket.cancel()
        rejected(signal?.reason instanceof Error ? signal.reason : new Error('canceled'))
      }
      signal?.addEventListener('abort', abandon, { once: true })
    })

  const recognizers: Recognizers = {
    load: (model, signal, options) => ask<'LOAD'>(model, loadTimeoutMs, signal, options?.onlyIfFree),
    async open(request: StreamRequest, listener: StreamListener, waiting?: WaitOptions) {
      if (isClosed) throw closing()
      const slot = waiting?.isReserved ? await reserved.admit(request, waiting) : await admission.admit(request, waiting)
      if (isClosed) {
        slot.leave()
        throw closing()
      }
      try {
        const number = ++lastNumber
        const { child, streams } = present ?? startDetector()
        const letGo = pool.unused.use(request.model)
        const stream = new Stream(number, {
          request,
          listener,
          pool,
          detector: child,
          timeout: timeouts,
          measured: slot.measured,
          over() {
            streams.delete(number)
            letGo()
            slot.leave()
          },
        })
        streams.set(number, stream)
        return stream
      } catch (error) {
        slot.leave()
        throw error
      }
    },
    recognize: (request, signal) => recognizeWhole(recognizers, request, signal),
    release: (sha256s) => pool.unused.add(sha256s),
    usage() {
      const usage = admission.usage()
      return { ...usage, streams: usage.streams + reserved.taken, ...pool.usage() }
    },
    async check() {
      if (isClosed) throw new Error('The recognizers are closed.')
      // A busy worker is alive. Otherwise an idle or new worker must answer.
      if (!pool.isBusy()) await ask<'PING'>(undefined, 10_000, AbortSignal.timeout(10_000))
    },
    async close() {
      isClosed = true
      clearInterval(watchdog)
      admission.close(closing())
      reserved.close(closing())
      for (const detector of detectors) {
        failStreams(detector, closing())
        detector.child.kill()
      }
      await Promise.all([...[...detectors].map(({ child }) => child.gone), pool.close()])
    },
  }
  return recognizers
}
