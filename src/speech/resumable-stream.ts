import { sampleRate } from '../audio/pcm.ts'
import { RecognizerCrashedError } from '../recognition/recognizer-errors.ts'
import type { RecognizerStream, StreamEvent, StreamListener, StreamRequest } from '../recognition/recognizer-stream.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'

/** Holds the longest phrase and the audio that the recognizers have not processed yet. */
const keptSeconds = 75
/** Holds, in silence, the audio that the recognizers have not processed yet. */
const keptSilenceSeconds = 10
/** Bytes that wait for a recognizer before the caller has to pause. */
const maxWaiting = 1 << 20
const maxCrashes = 3

/**
 * Opens a stream that survives a crash of its recognizer: the audio since the last phrase is kept and sent to another
 * recognizer, and offsets stay continuous. (The Speech SDK repeats audio only while it still sends; disconnected after
 * its last audio, it waits for ever.) While the recognizers have no capacity, the stream and its caller wait up to `waitMs`.
 */
export function openResumableStream(recognizers: Recognizers, request: StreamRequest, listener: StreamListener, waitMs: number): RecognizerStream {
  return new ResumableStream(recognizers, request, listener, waitMs)
}

class ResumableStream implements RecognizerStream {
  readonly #recognizers: Recognizers
  readonly #request: StreamRequest
  readonly #listener: StreamListener
  readonly #frameBytes: number
  readonly #waitMs: number
  readonly #closed = new AbortController()
  #kept: Uint8Array[] = []
  #keptBytes = 0
  /** The number of frames before the kept audio, where a new recognizer begins. */
  #keptFrom = 0
  /** The number of frames before the audio that the current recognizer began with. */
  #begunAt = 0
  #stream: RecognizerStream | undefined
  #attempt = 0
  #crashes = 0
  #isSpeaking = false
  /** The sample up to which hypotheses have shown the text. */
  #shownUntil = 0
  /** The recognizer has not processed all audio yet; the rest can contain speech. */
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
      event: (event) => isPresent() && this.#forward(event),
      drained: () => isPresent() && this.#drained(),
      failed: (error) => isPresent() && this.#fail(error),
    }
    const waiting = { waitMs: this.#waitMs, signal: this.#closed.signal, isResumed: attempt > 1 }
    this.#recognizers.open(this.#request, listener, waiting).then(
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

  #forward(event: StreamEvent) {
    const moved = this.#move(event)
    if (moved.kind === 'HYPOTHESIS') {
      // A new recognizer begins the phrase again. Hypotheses that are shorter than the last one shown are dropped.
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

  /** Moves an event from the recognizer's offsets to those of the stream. */
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
    const maxBytes = (this.#isSpeaking || this.#isBehind ? keptSeconds : keptSilenceSeconds) * this.#request.format.sampleRate * this.#frameBytes
    if (this.#keptBytes > maxBytes) this.#forget(this.#keptBytes - maxBytes)
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
