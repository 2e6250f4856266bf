import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { SharedSlots } from '../capacity/shared-slots.ts'
import type { Waiting } from '../capacity/waitlist.ts'
import { AudioError } from './audio-error.ts'
import { type DecoderEnd, type decodedFormat, MessageReader } from './decoder-messages.ts'
import { isDecoderInstalled, startDecoder } from './start-decoder.ts'

/** The owner of a recording, and its longest wait for a process. */
export interface DecodingRequest extends Waiting {
  /** Empty for recordings of jobs, which together have the share of one workspace. */
  workspaceId: string
}

export interface Decoders {
  /** False if only WAV can be read. */
  isAvailable: boolean
  /** True while recordings wait for a process. */
  readonly isContested: boolean
  /** Decodes one recording to samples in {@link decodedFormat}, no faster than the caller reads them. */
  decode(body: AsyncIterable<Buffer>, warn: (text: string) => void, request: DecodingRequest & { signal: AbortSignal }): AsyncGenerator<Buffer>
  close(): Promise<void>
}

export interface DecodersConfig {
  /** The most recordings that are decoded at once; with 0, only WAV is read. */
  processes: number
  /** A process that does not answer for this long counts as hung. */
  timeoutMs?: number
  /** Receives the reason when a process ends before its recording is decoded. */
  crashed?(reason: string): void
}

/** The most recordings that wait for each process. */
const maxWaitingPerProcess = 8

/** The longest time that a process waits for its recording. */
const spareMs = 5 * 60_000

/** Decodes each recording in a separate process, so that a crash fails only that recording. */
export function openDecoders({ processes, timeoutMs = 10_000, crashed = () => {} }: DecodersConfig): Decoders {
  const isAvailable = processes > 0 && isDecoderInstalled()
  const running = new Set<DecoderProcess>()
  let spare: DecoderProcess | undefined
  let spareTimer: NodeJS.Timeout | undefined
  let isClosed = false

  const start = () => {
    const decoder = new DecoderProcess(timeoutMs, (reason) => !isClosed && crashed(reason))
    running.add(decoder)
    void decoder.gone.then(() => {
      running.delete(decoder)
      if (spare === decoder) spare = undefined
    })
    return decoder
  }
  const take = () => {
    const taken = spare ?? start()
    spare = undefined
    return taken
  }
  /** Starts a process in advance, so that the next recording does not wait for the start. */
  const keepSpare = () => {
    clearTimeout(spareTimer)
    if (isClosed) return
    spare ??= start()
    spareTimer = setTimeout(() => spare?.kill(), spareMs).unref()
  }
  const slots = new SharedSlots({ slots: processes, kept: Math.floor(processes / 4), maxWaiting: processes * maxWaitingPerProcess, refusal: explainBusy })

  return {
    isAvailable,
    get isContested() {
      return slots.waiting > 0
    },
    async *decode(body, warn, { workspaceId, waitMs, signal }) {
      if (isClosed) throw closing()
      const leave = await slots.take({ workspaceId }, { waitMs, signal })
      const decoder = take()
      try {
        yield* decoder.decode(body, warn, signal)
      } finally {
        decoder.kill()
        leave()
        keepSpare()
      }
    },
    async close() {
      isClosed = true
      slots.close(closing())
      clearTimeout(spareTimer)
      for (const decoder of running) decoder.kill()
      await Promise.all([...running].map(({ gone }) => gone))
    },
  }
}

const closing = () => new AudioError('DECODER_CRASHED', 'The server is shutting down. Send the recording again.')

const explainBusy = (own: number) =>
  new AudioError('DECODERS_BUSY', `Too many compressed recordings are being decoded, ${own} of them for this workspace. Try again in a moment, or send WAV.`)

/** One process, from its start to its end. */
class DecoderProcess {
  readonly #child: ChildProcess
  readonly #timeoutMs: number
  readonly #crashed: (reason: string) => void
  readonly gone: Promise<void>
  #lastWords = ''
  #failure: string | undefined

  constructor(timeoutMs: number, crashed: (reason: string) => void) {
    this.#timeoutMs = timeoutMs
    this.#crashed = crashed
    this.#child = startDecoder()
    this.gone = new Promise((done) => {
      this.#child.once('exit', (code, signal) => {
        this.#failure ??= signal ?? `exit ${code}`
        done()
      })
      this.#child.once('error', (error) => {
        this.#failure ??= error.message
        if (this.#child.pid === undefined) done()
      })
    })
    this.#child.stderr?.on('data', (chunk) => {
      this.#lastWords = (this.#lastWords + chunk).slice(-1000)
    })
    // The pipes of an ended process fail. Its `exit` event reports the end.
    this.#child.stdin?.on('error', () => {})
    this.#child.stdout?.on('error', () => {})
  }

  kill(): void {
    this.#child.kill('SIGKILL')
    this.#child.stdin?.destroy()
    this.#child.stdout?.destroy()
  }

  async *decode(body: AsyncIterable<Buffer>, warn: (text: string) => void, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { promise: refused, reject: refuse } = Promise.withResolvers<never>()
    refused.catch(() => {})
    const abort = () => refuse(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    const feeding = this.#feed(body)
    // An error of the upload explains more than the error of the process that follows from it.
    feeding.catch(refuse)
    const messages = new MessageReader()
    const output = this.#child.stdout?.iterator({ destroyOnReturn: false })
    try {
      signal.throwIfAborted()
      for (;;) {
        // The pipe of a killed process ends before the reason is known, which `gone` waits for.
        const next = await Promise.race([this.#awaitAnswer(output?.next().catch(() => undefined)), refused])
        if (!next || next.done) break
        for (const { kind, content } of messages.read(next.value)) {
          if (kind === 'SAMPLES') yield content
          else return readEnd(JSON.parse(content.toString()), warn)
        }
      }
      await this.gone
      throw this.#crash(this.#failure ?? 'no answer')
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Waits for an answer. The timeout runs only while the process leaves bytes unread, or the end of the recording unanswered. */
  async #awaitAnswer<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
    if (!answer) return undefined
    const { promise, reject } = Promise.withResolvers<never>()
    let since = performance.now()
    let pending = this.#child.stdin?.writableLength ?? 0
    const watch = setInterval(
      () => {
        const { writableLength = 0, writableEnded = false } = this.#child.stdin ?? {}
        if (writableLength !== pending || !(writableLength || writableEnded)) since = performance.now()
        pending = writableLength
        if (performance.now() - since > this.#timeoutMs) reject(this.#crash(`no answer for ${this.#timeoutMs} ms`))
      },
      Math.min(1000, this.#timeoutMs / 4),
    )
    return Promise.race([answer, promise]).finally(() => clearInterval(watch))
  }

  async #feed(body: AsyncIterable<Buffer>): Promise<void> {
    const pipe = this.#child.stdin
    if (!pipe) return
    for await (const chunk of body) {
      if (!pipe.writable) return
      if (!pipe.write(chunk)) await Promise.race([once(pipe, 'drain').catch(() => {}), this.gone])
    }
    pipe.end()
  }

  #crash(reason: string): AudioError {
    this.kill()
    this.#crashed([reason, this.#lastWords.trim()].filter(Boolean).join(': '))
    return new AudioError('DECODER_CRASHED', 'The decoder failed while it read this recording. Send the recording again, or send a WAV file.')
  }
}

function readEnd(end: DecoderEnd, warn: (text: string) => void): void {
  if ('code' in end) throw new AudioError(end.code, end.message)
  for (const text of end.warnings) warn(text)
}
