// A recording on its way through an endpoint, piece by piece and not far ahead of recognition: the endpoint recognizes
// all audio that it has received, even after a cancellation.
import type { SpeechMessage } from './protocol.ts'
import { openSpeechStream, type SpeechStream } from './stream.ts'
import { readByteRate } from './wav.ts'

const pieceBytes = 32_768
const maxUnsent = 8 * pieceBytes
const lookMs = 30
const aheadMs = 30_000
/** Silence has no messages, so it is sent at this multiple of its duration. */
const blindPace = 2
const ticksPerMs = 10_000

interface RecordingListener {
  /** How many bytes the endpoint has taken. */
  sent(bytes: number): void
  heard(message: SpeechMessage): void
}

interface RecordingEnd {
  /** The reason in words when it is not the good one. */
  problem: string | undefined
  /** False when the endpoint ended before it had everything. */
  isWhole: boolean
}

/** Resolves when the endpoint has said everything, or when `signal` aborts. Rejects when the file cannot be read. */
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

/** Yields how many bytes have been taken; ends when all have, or when the endpoint takes no more. */
async function* sendPieces(wav: Blob, stream: SpeechStream, isAhead: (bytes: number) => boolean, over: AbortSignal): AsyncGenerator<number> {
  for (let queued = 0; queued < wav.size && !over.aborted; ) {
    const piece = new Uint8Array(await wav.slice(queued, queued + pieceBytes).arrayBuffer())
    stream.send(piece)
    queued += piece.length
    const isLast = queued === wav.size
    // A socket does not say when it has sent something: it is looked at.
    while (!over.aborted && (isLast ? stream.unsentBytes > 0 : stream.unsentBytes > maxUnsent || isAhead(queued))) {
      yield Math.max(0, queued - stream.unsentBytes)
      await new Promise((resume) => setTimeout(resume, lookMs))
    }
    yield Math.max(0, queued - stream.unsentBytes)
  }
}
