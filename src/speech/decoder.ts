// A thread that unpacks one compressed recording, piece by piece: a hostile file may keep it busy, but nothing else.
import { parentPort, workerData } from 'node:worker_threads'
import { FLACDecoder } from '@wasm-audio-decoders/flac'
import { MPEGDecoder } from 'mpg123-decoder'
import { OggOpusDecoder } from 'ogg-opus-decoder'

export type Container = 'MP3' | 'FLAC' | 'OGG'

/** The next piece of the file; null when it has ended. */
export type DecoderRequest = Uint8Array | null
export type DecoderReply = { samples: Uint8Array; sampleRate: number } | { problem: string }

interface Decoded {
  channelData: Float32Array[]
  sampleRate: number
}

interface Decoder {
  ready: Promise<void>
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>
  flush?(): Decoded | Promise<Decoded>
}

const open: Record<Container, () => Decoder> = { MP3: () => new MPEGDecoder(), FLAC: () => new FLACDecoder(), OGG: () => new OggOpusDecoder() }
const decoder = open[workerData as Container]()
let working: Promise<unknown> = Promise.resolve()

parentPort?.on('message', (bytes: DecoderRequest) => {
  working = working.then(async () => parentPort?.postMessage(await work(bytes)))
})

async function work(bytes: DecoderRequest): Promise<DecoderReply> {
  try {
    await decoder.ready
    const decoded = bytes ? await decoder.decode(bytes) : await decoder.flush?.()
    return { samples: toPcm(decoded?.channelData ?? []), sampleRate: decoded?.sampleRate ?? 0 }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

/** One channel of little-endian 16-bit samples. */
function toPcm(channels: Float32Array[]): Uint8Array {
  const pcm = Buffer.alloc((channels[0]?.length ?? 0) * 2)
  for (let n = 0; n < pcm.length / 2; n++) {
    let sum = 0
    for (const channel of channels) sum += channel[n] ?? 0
    pcm.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round((sum / channels.length) * 32_767))), n * 2)
  }
  return pcm
}
