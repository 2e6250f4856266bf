// Sends a recording to an endpoint, at most half a minute ahead of recognition: the endpoint recognizes all audio that
// it has received, even after a cancellation.
import type { SpeechMessage } from './protocol.ts'
import { openSpeechStream, type SpeechStream } from './stream.ts'
import { readByteRate } from './wav.ts'

const pieceBytes = 32_768
const maxUnsent = 8 * pieceBytes
const pollMs = 30
const aheadMs = 30_000
/** Silence produces no messages, so audio is sent at this multiple of real time at least. */
const blindPace = 2
const ticksPerMs = 10_000

interface RecordingListener {
  /** Called with the number of bytes that have left the socket. */
  sent(bytes: number): void
  heard(message: SpeechMessage): void
}

interface RecordingEnd {
  /** A sentence for the user; undefined after success. */
  problem: string | undefined
  /** False when the endpoint ended the turn before the whole recording was sent. */
  isWhole: boolean
}

/** Resolves after the last message of the endpoint, or when `signal` aborts. Rejects when the file cannot be read. */
export async function recognizeRecording(url: string, wav: Blob, signal: AbortSignal, { sent, heard }: RecordingListener): Promise<RecordingEnd> {
  const over = new AbortController()
  let isWhole = false
  let heardMs = 0
  const began = performance.now()
  const bytesPerMs = (await readByteRate(wav)) / 1000
  const isAhead = (bytes: number) => bytes > bytesPerMs * (aheadMs + Math.max(heardMs, blindPace * (performance.now() - began)))
  const ended = Promise.withResolvers<RecordingEnd>()
  const stream = openSpeechStream(url, {
    opened: () => {},
    heard: (message) => {
      if (message.path === 'speech.hypothesis' || message.path === 'speech.phrase') heardMs = (message.Offset + message.Duration) / ticksPerMs
      heard(message)
    },
    ended: (problem) => {
      over.abort()
      ended.resolve({ problem, isWhole })
    },
  })
  signal.addEventListener('abort', stream.close, { once: true })
  if (signal.aborted) stream.close()
  try {
    for await (const bytes of sendPieces(wav, stream, isAhead, over.signal)) sent(bytes)
    if (!over.signal.aborted) stream.finish()
    isWhole = true
    return await ended.promise
  } finally {
    signal.removeEventListener('abort', stream.close)
    stream.close()
  }
}

/** Yields the number of bytes sent so far; ends after the last byte, or when `over` aborts. */
async function* sendPieces(wav: Blob, stream: SpeechStream, isAhead: (bytes: number) => boolean, over: AbortSignal): AsyncGenerator<number> {
  for (let queued = 0; queued < wav.size && !over.aborted; ) {
    const piece = new Uint8Array(await wav.slice(queued, queued + pieceBytes).arrayBuffer())
    stream.send(piece)
    queued += piece.length
    const isLast = queued === wav.size
    // WebSockets have no event for sent data, so the amount is polled.
    while (!over.aborted && (isLast ? stream.unsentBytes > 0 : stream.unsentBytes > maxUnsent || isAhead(queued))) {
      yield Math.max(0, queued - stream.unsentBytes)
      await new Promise((resume) => setTimeout(resume, pollMs))
    }
    yield Math.max(0, queued - stream.unsentBytes)
  }
}
