import type { Decoders, DecodingRequest } from '../audio/decoders.ts'
import { readSound, type Sound } from '../audio/read-audio.ts'
import { isWav, readWavHeader } from '../audio/wav-header.ts'
import { WavReader } from '../audio/wav-reader.ts'
import { ByteQueue } from './byte-queue.ts'

interface TurnAudioListener {
  /** False when nothing more should be written until {@link TurnAudio.drained}. */
  sound(pcm: Buffer, format: Sound['format']): boolean
  /** All sound has been given. */
  ended(): void
  /** More bytes can be heard. */
  drained(): void
  failed(error: unknown): void
}

type State =
  | { name: 'UNDECIDED'; head: Buffer }
  | { name: 'WAV'; reader: WavReader }
  | { name: 'DECODING'; queue: ByteQueue; sounds: AbortController; wake: PromiseWithResolvers<void> | undefined }
  | { name: 'CLOSED' }

/** A recording of a compressed format cannot be continued in another turn, so that a turn holds all of it. */
const maxDecodedSeconds = 3600

//  UNDECIDED ─▶ WAV, read at once; or DECODING, in a process ─▶ CLOSED
/** The audio of one turn, from the bytes of a client to samples. */
export class TurnAudio {
  readonly #decoders: Decoders
  readonly #request: DecodingRequest
  readonly #listener: TurnAudioListener
  #state: State = { name: 'UNDECIDED', head: Buffer.alloc(0) }
  #seconds = 0

  constructor(decoders: Decoders, request: DecodingRequest, listener: TurnAudioListener) {
    this.#decoders = decoders
    this.#request = request
    this.#listener = listener
  }

  get seconds(): number {
    return this.#seconds
  }

  /** True when audio that is sent anew can go on where this ends. */
  get isContinuable(): boolean {
    return this.#state.name !== 'DECODING'
  }

  /** True when all sound has come that a WAV header promised. */
  get isComplete(): boolean {
    return this.#state.name === 'WAV' && this.#state.reader.isComplete
  }

  /** False when the client should send nothing more until `drained`. Throws what is wrong with the audio. */
  hear(audio: Buffer): boolean {
    if (this.#state.name === 'UNDECIDED') {
      const head = Buffer.concat([this.#state.head, audio])
      this.#state = this.#decide(head) ?? { name: 'UNDECIDED', head }
      return this.#state.name === 'UNDECIDED' || this.#read(head)
    }
    return this.#read(audio)
  }

  /** No more audio comes. */
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

  /** Samples are taken again. */
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

  #decide(head: Buffer): State | undefined {
    if (head.length < 12) return undefined
    const header = isWav(head) ? readWavHeader(head) : undefined
    if (isWav(head) && !header) return undefined
    // A client that speaks live cannot know a length.
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

  #startDecoding(): Extract<State, { name: 'DECODING' }> {
    const queue = new ByteQueue(() => this.#listener.drained())
    const state: State = { name: 'DECODING', queue, sounds: new AbortController(), wake: undefined }
    void this.#decode(state)
    return state
  }

  async #decode(state: Extract<State, { name: 'DECODING' }>) {
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
