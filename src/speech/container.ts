import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Container, DecoderReply } from './decoder.ts'
import { SpeechProblem } from './problem.ts'

/** What the thread is given at once; it takes less when that holds much. */
const pieceBytes = 8 * 1024
const pieceMs = 10_000
const mostDecoders = 8
let decoders = 0

/** What a file holds, by its first bytes; undefined when we cannot unpack it. */
export function containerOf(head: Buffer): Container | undefined {
  const word = head.toString('latin1', 0, 4)
  if (word === 'OggS') return 'OGG'
  if (word === 'fLaC') return 'FLAC'
  if (word === '\x1aE\xdf\xa3') return 'WEBM'
  // A frame of MPEG audio begins with eleven ones; without a layer it is one of AAC.
  const isFrame = head[0] === 0xff && ((head[1] ?? 0) & 0xe0) === 0xe0 && ((head[1] ?? 0) & 0x06) !== 0
  return word.startsWith('ID3') || isFrame ? 'MP3' : undefined
}

/** The samples of a compressed file, unpacked in a thread of its own as they are asked for. */
export async function* unpack(container: Container, body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<{ pcm: Buffer; sampleRate: number }> {
  if (decoders >= mostDecoders)
    throw new SpeechProblem(429, 'TOO_MANY_REQUESTS', 'Too many compressed recordings are being unpacked. Try again in a moment.', { 'retry-after': '1' })
  decoders++
  let worker: Worker | undefined
  try {
    worker = openThread(container)
    for await (const chunk of body) {
      for (let at = 0; at < chunk.length; ) {
        const reply = await ask(worker, container, chunk.subarray(at, at + pieceBytes), signal)
        yield* unpacked(reply)
        at += reply.taken
      }
    }
    yield* unpacked(await ask(worker, container, null, signal))
  } finally {
    decoders--
    await worker?.terminate()
  }
}

function openThread(container: Container): Worker {
  const worker = new Worker(resolve(import.meta.dirname, 'decoder.ts'), {
    workerData: container,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 128 },
    // The libraries complain of each broken frame.
    stdout: true,
    stderr: true,
  })
  worker.stdout.resume()
  worker.stderr.resume()
  return worker
}

function* unpacked({ samples, sampleRate }: { samples: Uint8Array; sampleRate: number }) {
  if (samples.length) yield { pcm: Buffer.from(samples.buffer, samples.byteOffset, samples.length), sampleRate }
}

async function ask(worker: Worker, container: Container, bytes: Buffer | null, signal: AbortSignal) {
  signal.throwIfAborted()
  const { promise, resolve: done, reject } = Promise.withResolvers<DecoderReply>()
  const fail = () => done({ problem: 'no answer' })
  const abort = () => reject(signal.reason)
  const late = setTimeout(fail, pieceMs)
  signal.addEventListener('abort', abort, { once: true })
  worker.removeAllListeners()
  worker.once('error', fail)
  worker.once('exit', fail)
  worker.once('message', done)
  // A part of a buffer would take the whole of it along.
  const own = bytes && new Uint8Array(bytes)
  worker.postMessage(own, own ? [own.buffer] : [])
  try {
    const reply = await promise
    if ('channels' in reply) throw new SpeechProblem(415, 'UNSUPPORTED_AUDIO', `The file has ${reply.channels} channels. Send 1 or 2.`)
    if ('problem' in reply)
      throw new SpeechProblem(415, 'UNDECODABLE_AUDIO', `The ${container} file cannot be unpacked. Save the recording again, or send a WAV file.`)
    return reply
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', abort)
  }
}
