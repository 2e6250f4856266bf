import { sampleRate } from '../audio/pcm.ts'
import { RecognizerCrashedError } from '../recognition/recognizer-errors.ts'
import type { RecognizerStream, StreamEvent, StreamListener, StreamRequest } from '../recognition/recognizer-stream.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'

/** More than may wait to be told: the longest phrases, and what the recognizers are behind. */
const keptSeconds = 75
/** In silence, only what the recognizers are behind. */
const keptSilenceSeconds = 10
/** More waits than a recognizer should be given at once: the caller is asked to pause. */
const maxWaiting = 1 << 20
const maxCrashes = 3

/**
 * A stream that survives the end of its recognizer: the audio behind the last phrase is kept, and told
 * anew to another one. Offsets go on as if nothing had happened. (A client could only do this itself
 * while it still sends; the Speech SDK waits for ever when it is sent away after its last audio.)
 * When the recognizers have no room, it waits for some for `waitMs`, and its caller with it.
 */
export function openResumableStream(recognizers: Recognizers, request: StreamRequest, listener: StreamListener, waitMs: number): RecognizerStream {
  return new SteadyStream(recognizers, request, listener, waitMs)
}

class SteadyStream implements RecognizerStream {
  readonly #recognizers: Recognizers
  readonly #request: StreamRequest
  readonly #listener: StreamListener
  readonly #frameBytes: number
  readonly #waitMs: number
  readonly #closed = new AbortController()
  #kept: Uint8Array[] = []
  #keptBytes = 0
  /** Frames before the kept ones: where a new recognizer would begin. */
  #keptFrom = 0
  /** Frames before those that the present recognizer was given first. */
  #begunAt = 0
  #stream: RecognizerStream | undefined
  #attempt = 0
  #crashes = 0
  #isSpeaking = false
  /** The sample up to which hypotheses have shown the text. */
  #shownUntil = 0
  /** The recognizer has not heard all that it was given: there may be speech in it. */
  #isBehind = false
  #state: 'OPEN' | 'FINISHING' | 'CLOSED' = 'OPEN'

  constructor(recognizers: Recognizers, request: StreamRequest, listener: StreamListener, waitMs: number) {
    this.#waitMs = waitMs
    this.#recognizers = recognizers
    this.#request = request
    this.#listener = listener
    this.#frameBytes = request.format.channels * 2
    this.#begin()
  }

  write(pcm: Uint8Array): boolean {
    if (this.#state !== 'OPEN' || !pcm.length) return true
    this.#kept.push(pcm)
    this.#keptBytes += pcm.length
    if (!this.#stream) return this.#keptBytes < maxWaiting
    this.#isBehind = !this.#stream.write(pcm)
    this.#forgetOldest()
    return !this.#isBehind
  }

  finish(): void {
    if (this.#state !== 'OPEN') return
    this.#state = 'FINISHING'
    this.#stream?.finish()
  }

  close(): void {
    this.#state = 'CLOSED'
    this.#kept = []
    this.#closed.abort()
    this.#stream?.close()
    this.#stream = undefined
  }

  #begin() {
    const attempt = ++this.#attempt
    const isPresent = () => attempt === this.#attempt && this.#state !== 'CLOSED'
    this.#stream = undefined
    const listener: StreamListener = {
      event: (event) => isPresent() && this.#tell(event),
      drained: () => isPresent() && this.#drained(),
      failed: (error) => isPresent() && this.#fail(error),
    }
    const patience = { waitMs: this.#waitMs, signal: this.#closed.signal, isResumed: attempt > 1 }
    this.#recognizers.open(this.#request, listener, patience).then(
      (stream) => (isPresent() ? this.#resume(stream) : stream.close()),
      (error) => isPresent() && this.#fail(error),
    )
  }

  #resume(stream: RecognizerStream) {
    this.#stream = stream
    this.#begunAt = this.#keptFrom
    this.#isBehind = !this.#kept.map((pcm) => stream.write(pcm)).every(Boolean)
    this.#forgetOldest()
    if (this.#state === 'FINISHING') stream.finish()
    if (!this.#isBehind) this.#listener.drained()
  }

  #drained() {
    this.#isBehind = false
    this.#forgetOldest()
    this.#listener.drained()
  }

  #fail(error: Error) {
    if (error instanceof RecognizerCrashedError && ++this.#crashes < maxCrashes) return this.#begin()
    this.close()
    this.#listener.failed(error)
  }

  #tell(event: StreamEvent) {
    const moved = this.#move(event)
    if (moved.kind === 'HYPOTHESIS') {
      // Another recognizer begins the phrase anew: what the client has read already is not shown again, shorter.
      if (moved.offset + moved.duration < this.#shownUntil) return
      this.#shownUntil = moved.offset + moved.duration
    }
    if (moved.kind === 'SPEECH_START') this.#isSpeaking = true
    if (moved.kind === 'SPEECH_END') {
      this.#isSpeaking = false
      this.#shownUntil = 0
    }
    if (moved.kind === 'PHRASE') this.#forgetUntil(moved.phrase.offset + moved.phrase.duration)
    if (moved.kind === 'NO_MATCH') this.#forgetUntil(moved.offset + moved.duration)
    if (moved.kind === 'PHRASE') this.#crashes = 0
    if (moved.kind === 'ENDED') this.close()
    this.#listener.event(moved)
  }

  /** What the present recognizer says counts from where it began. */
  #move(event: StreamEvent): StreamEvent {
    const by = this.#toSamples(this.#begunAt)
    if (by === 0) return event
    if (event.kind === 'INITIAL_SILENCE' || event.kind === 'ENDED') return { ...event, heard: event.heard + by }
    if (event.kind !== 'PHRASE') return { ...event, offset: event.offset + by }
    const { phrase } = event
    const alternatives = phrase.alternatives.map((one) => ({
      ...one,
      ...(one.words && { words: one.words.map((word) => ({ ...word, offset: word.offset + by })) }),
    }))
    return { ...event, phrase: { ...phrase, offset: phrase.offset + by, alternatives } }
  }

  #forgetOldest() {
    const most = (this.#isSpeaking || this.#isBehind ? keptSeconds : keptSilenceSeconds) * this.#request.format.sampleRate * this.#frameBytes
    if (this.#keptBytes > most) this.#forget(this.#keptBytes - most)
  }

  #forgetUntil(sample: number) {
    const frame = Math.floor((sample * this.#request.format.sampleRate) / sampleRate)
    this.#forget(Math.max(0, frame - this.#keptFrom) * this.#frameBytes)
  }

  #forget(bytes: number) {
    let left = Math.min(bytes, this.#keptBytes)
    left -= left % this.#frameBytes
    this.#keptFrom += left / this.#frameBytes
    this.#keptBytes -= left
    while (left > 0) {
      const first = this.#kept[0] as Uint8Array
      if (first.length > left) this.#kept[0] = first.subarray(left)
      else this.#kept.shift()
      left -= Math.min(left, first.length)
    }
  }

  #toSamples = (frames: number) => Math.round((frames * sampleRate) / this.#request.format.sampleRate)
}
