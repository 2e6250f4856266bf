import type { Decoders, DecodingRequest } from '../audio/decoders.ts'
import { readSound, type Sound } from '../audio/read-audio.ts'
import { isWav, readWavHeader } from '../audio/wav-header.ts'
import { WavReader } from '../audio/wav-reader.ts'
import { ByteQueue } from './byte-queue.ts'

interface TurnAudioListener {
  /** Takes samples. False when the next samples have to wait for {@link TurnAudio.drained}. */
  sound(pcm: Buffer, format: Sound['format']): boolean
  /** No samples follow. */
  ended(): void
  /** The client can send more audio. */
  drained(): void
  failed(error: unknown): void
}

type TurnAudioState =
  | { name: 'UNDECIDED'; head: Buffer }
  | { name: 'WAV'; reader: WavReader }
  | { name: 'DECODING'; queue: ByteQueue; sounds: AbortController; wake: PromiseWithResolvers<void> | undefined }
  | { name: 'CLOSED' }

/** A compressed recording cannot continue in another turn, so this is the limit of a whole recording. */
const maxDecodedSeconds = 3600

//  UNDECIDED ─▶ WAV, read at once; or DECODING, in a process ─▶ CLOSED
/** Converts the audio of one turn from the client's bytes to samples. */
export class TurnAudio {
  readonly #decoders: Decoders
  readonly #request: DecodingRequest
  readonly #listener: TurnAudioListener
  #state: TurnAudioState = { name: 'UNDECIDED', head: Buffer.alloc(0) }
  #seconds = 0

  constructor(decoders: Decoders, request: DecodingRequest, listener: TurnAudioListener) {
    this.#decoders = decoders
    this.#request = request
    this.#listener = listener
  }

  get seconds(): number {
    return this.#seconds
  }

  /** True when the client can continue the audio in another turn. */
  get isContinuable(): boolean {
    return this.#state.name !== 'DECODING'
  }

  /** True when all samples that the WAV header announced have arrived. */
  get isComplete(): boolean {
    return this.#state.name === 'WAV' && this.#state.reader.isComplete
  }

  /** Takes bytes. False when the client should pause until `drained`. Throws an AudioError for unreadable audio. */
  hear(audio: Buffer): boolean {
    if (this.#state.name === 'UNDECIDED') {
      const head = Buffer.concat([this.#state.head, audio])
      this.#state = this.#decide(head) ?? { name: 'UNDECIDED', head }
      return this.#state.name === 'UNDECIDED' || this.#read(head)
    }
    return this.#read(audio)
  }

  /** Ends the audio. */
  finish(): void {
    if (this.#state.name === 'UNDECIDED' && this.#state.head.length && !isBeginOfWav(this.#state.head)) {
      const { head } = this.#state
      this.#state = this.#startDecoding()
      this.#read(head)
    }
    if (this.#state.name === 'DECODING') this.#state.queue.end()
    else {
      if (this.#state.name === 'WAV') this.#give(this.#state.reader, this.#state.reader.flush())
      this.#listener.ended()
    }
  }

  /** The listener takes samples again. */
  drained(): void {
    if (this.#state.name === 'DECODING') this.#state.wake?.resolve()
    else this.#listener.drained()
  }

  close(): void {
    if (this.#state.name === 'DECODING') {
      this.#state.sounds.abort(new Error('the turn has ended'))
      this.#state.queue.end()
      this.#state.wake?.resolve()
    }
    this.#state = { name: 'CLOSED' }
  }

  #decide(head: Buffer): TurnAudioState | undefined {
    if (head.length < 12) return undefined
    const header = isWav(head) ? readWavHeader(head) : undefined
    if (isWav(head) && !header) return undefined
    // A live client does not know its length.
    const expect = { maxSeconds: Infinity, warn() {} }
    return header && (header.format || !this.#decoders.isAvailable) ? { name: 'WAV', reader: new WavReader(expect) } : this.#startDecoding()
  }

  #read(audio: Buffer): boolean {
    if (this.#state.name === 'WAV') return this.#give(this.#state.reader, this.#state.reader.read(audio))
    return this.#state.name !== 'DECODING' || this.#state.queue.push(audio)
  }

  #give(reader: WavReader, pcm: Buffer): boolean {
    this.#seconds = reader.seconds
    return !reader.format || this.#listener.sound(pcm, reader.format)
  }

  #startDecoding(): Extract<TurnAudioState, { name: 'DECODING' }> {
    const queue = new ByteQueue(() => this.#listener.drained())
    const state: TurnAudioState = { name: 'DECODING', queue, sounds: new AbortController(), wake: undefined }
    void this.#decode(state)
    return state
  }

  async #decode(state: Extract<TurnAudioState, { name: 'DECODING' }>) {
    const { signal } = state.sounds
    const options = { decoders: this.#decoders, request: this.#request, maxSeconds: maxDecodedSeconds, signal, warn() {} }
    try {
      for await (const { pcm, format, seconds } of readSound(state.queue, options)) {
        if (signal.aborted) return
        this.#seconds = seconds
        if (this.#listener.sound(pcm, format)) continue
        state.wake = Promise.withResolvers()
        await state.wake.promise
      }
      if (!signal.aborted) this.#listener.ended()
    } catch (error) {
      if (!signal.aborted) this.#listener.failed(error)
    }
  }
}

const isBeginOfWav = (head: Buffer) => /^(R(I(F|$)|$)|RF|B(W|$))/.test(head.toString('latin1', 0, 4))
