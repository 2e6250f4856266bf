import { countWordErrors } from '../decoding/word-errors.ts'
import { type ServedDeployment, toShare } from '../domain/endpoint.ts'
import { openRecognizerModel } from '../recognition/model-files.ts'
import type { RecognizerStream, StreamEvent, StreamRequest } from '../recognition/recognizer-stream.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { addShadowTotals, type ShadowTotals } from '../revisions/shadow-totals.ts'
import type { AuthorizationContext } from './authorization.ts'

/** A longer recording is not compared. */
const maxSeconds = 60
/** The audio of all recordings that are being kept or wait for their comparison. */
const maxHeldBytes = 32 * 2 ** 20
/** Recordings that wait for their comparison. More are dropped. */
const maxWaiting = 8
/** A comparison that finds no idle capacity for this long is dropped. */
const compareMs = 60_000
const flushMs = 2_000

interface Shadowing extends AuthorizationContext {
  recognizers: Recognizers
}

type Shadow = NonNullable<ServedDeployment['shadow']>

/** A whole recording of a client, with the text that the client received. */
interface Recording {
  shadow: Shadow
  request: StreamRequest
  pieces: Uint8Array[]
  bytes: number
  text: string
}

/** Recognizes a share of the recordings of clients by pending revisions as well, and counts the words that differ. */
export interface Shadows {
  /** The same recognizers. They keep the audio of the chosen recordings until each is compared in idle capacity. */
  follow(recognizers: Recognizers, served: ServedDeployment): Recognizers
  close(): Promise<void>
}

/** The audio stays in memory for a moment, and no text is stored: only totals, which are written every few seconds. */
export function createShadows(service: Shadowing): Shadows {
  const { log } = service
  const closing = new AbortController()
  const totals = new Map<string, ShadowTotals>()
  const waiting: Recording[] = []
  let heldBytes = 0
  let comparing: Promise<void> | undefined
  let flushTimer: NodeJS.Timeout | undefined

  const flush = async () => {
    flushTimer = undefined
    const all = [...totals]
    totals.clear()
    for (const [revisionId, counted] of all) await addShadowTotals(service, revisionId, counted)
  }
  const flushLater = () => {
    flushTimer ??= setTimeout(() => void flush().catch((reason) => log.debug({ reason }, 'figures of a shadow were not written')), flushMs).unref()
  }

  const compare = async ({ shadow, request, pieces, text }: Recording) => {
    const model = await openRecognizerModel(service.artifacts, shadow)
    const { mode, listening, format } = request
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(compareMs)])
    const heard = await service.recognizers.recognize({ model, mode, listening, audio: { ...format, samples: Buffer.concat(pieces) } }, signal)
    const { errors, words } = countWordErrors(text, heard.phrases.map(({ display }) => display).join(' '))
    const known = totals.get(shadow.row.id) ?? { recordings: 0, words: 0, differingWords: 0 }
    totals.set(shadow.row.id, { recordings: known.recordings + 1, words: known.words + words, differingWords: known.differingWords + errors })
    flushLater()
  }

  /** Compares one recording after another, so that shadows never take more than one recognizer. */
  const compareAll = async () => {
    for (let next = waiting.shift(); next && !closing.signal.aborted; next = waiting.shift()) {
      await compare(next).catch((reason) => log.debug({ reason }, 'a recording was not compared'))
      release(next)
    }
    comparing = undefined
  }

  const release = (recording: Recording) => {
    heldBytes -= recording.bytes
    recording.bytes = 0
    recording.pieces = []
  }

  /** Follows one stream: keeps its audio until the end, or drops the recording when it is too long or memory is short. */
  const keep = (shadow: Shadow, request: StreamRequest) => {
    const maxBytes = maxSeconds * request.format.sampleRate * request.format.channels * 2
    const recording: Recording = { shadow, request, pieces: [], bytes: 0, text: '' }
    let isDropped = false
    const drop = () => {
      if (isDropped) return
      isDropped = true
      release(recording)
    }
    return {
      drop,
      hear(pcm: Uint8Array) {
        if (isDropped) return
        if (recording.bytes + pcm.length > maxBytes || heldBytes + pcm.length > maxHeldBytes) return drop()
        recording.pieces.push(pcm)
        recording.bytes += pcm.length
        heldBytes += pcm.length
      },
      take(event: StreamEvent) {
        if (event.kind === 'PHRASE') recording.text += ` ${event.phrase.display}`
        if (event.kind !== 'ENDED' || isDropped) return
        isDropped = true
        if (waiting.length >= maxWaiting) return release(recording)
        waiting.push(recording)
        comparing ??= compareAll()
      },
    }
  }

  return {
    follow(recognizers, { deployment, shadow }) {
      if (!shadow) return recognizers
      return {
        ...recognizers,
        async open(request, listener, waitOptions) {
          const isChosen = !waitOptions?.isResumed && toShare(`${deployment.id} ${shadow.row.number} ${crypto.randomUUID()}`) < shadow.percent
          if (!isChosen || closing.signal.aborted) return recognizers.open(request, listener, waitOptions)
          const kept = keep(shadow, request)
          const follower = {
            ...listener,
            event(event: StreamEvent) {
              kept.take(event)
              listener.event(event)
            },
            failed(error: Error) {
              kept.drop()
              listener.failed(error)
            },
          }
          const stream = await recognizers.open(request, follower, waitOptions)
          return followStream(stream, kept)
        },
      }
    },
    async close() {
      closing.abort(new Error('the server stops'))
      clearTimeout(flushTimer)
      await comparing
      await flush().catch((reason) => log.debug({ reason }, 'figures of a shadow were not written'))
    },
  }
}

const followStream = (stream: RecognizerStream, kept: { hear(pcm: Uint8Array): void; drop(): void }): RecognizerStream => ({
  write(pcm) {
    kept.hear(pcm)
    return stream.write(pcm)
  },
  finish: () => stream.finish(),
  close() {
    kept.drop()
    stream.close()
  },
})
