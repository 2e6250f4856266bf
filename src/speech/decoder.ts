// A thread that unpacks one compressed recording, piece by piece: a hostile file may keep it busy, but nothing else.
import { parentPort, workerData } from 'node:worker_threads'
import { FLACDecoder } from '@wasm-audio-decoders/flac'
import { MPEGDecoder } from 'mpg123-decoder'
import { OggOpusDecoder } from 'ogg-opus-decoder'
import { OpusDecoder } from 'opus-decoder'
import { WebmReader } from './webm.ts'

export type Container = 'MP3' | 'FLAC' | 'OGG' | 'WEBM'

/** The next piece of the file; null when it has ended. */
export type DecoderRequest = Uint8Array | null
/** `taken` bytes of the piece became these samples; the rest is to be given again. */
export type DecoderReply = { samples: Uint8Array; sampleRate: number; taken: number } | { channels: number } | { problem: string }

/** A few kilobytes may hold minutes of silence in many channels: so little is unpacked at a time … */
const stepBytes = 256
/** … and no more is begun when there are so many samples. */
const enoughSamples = 1 << 19
const mostChannels = 2

interface Decoded {
  channelData: Float32Array[]
  sampleRate: number
}

interface Decoder {
  ready: Promise<void>
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>
  flush?(): Decoded | Promise<Decoded>
}

const open: Record<Container, () => Decoder> = {
  MP3: () => new MPEGDecoder(),
  FLAC: () => new FLACDecoder(),
  OGG: () => new OggOpusDecoder({ forceStereo: true }),
  WEBM: openWebm,
}
const decoder = open[workerData as Container]()
let working: Promise<unknown> = Promise.resolve()

parentPort?.on('message', (bytes: DecoderRequest) => {
  working = working.then(async () => {
    const reply = await work(bytes)
    parentPort?.postMessage(reply, 'samples' in reply ? [reply.samples.buffer as ArrayBuffer] : [])
  })
})

async function work(bytes: DecoderRequest): Promise<DecoderReply> {
  try {
    await decoder.ready
    const parts: Int16Array[] = []
    let [taken, count, sampleRate] = [0, 0, 0]
    do {
      const step = bytes?.subarray(taken, taken + stepBytes)
      const decoded = step ? await decoder.decode(step) : await decoder.flush?.()
      taken += step?.length ?? 0
      if (!decoded?.channelData[0]?.length) continue
      if (decoded.channelData.length > mostChannels) return { channels: decoded.channelData.length }
      sampleRate = decoded.sampleRate
      count += decoded.channelData[0].length
      parts.push(mix(decoded.channelData))
    } while (bytes && taken < bytes.length && count < enoughSamples)
    return { samples: join(parts, count), sampleRate, taken }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

const nothing: Decoded = { channelData: [], sampleRate: 0 }

function openWebm(): Decoder {
  const reader = new WebmReader()
  let opus: OpusDecoder | undefined
  return {
    ready: Promise.resolve(),
    async decode(bytes) {
      const packets = reader.push(bytes)
      const { track } = reader
      if (!track) return nothing
      // More channels are told, and not unpacked.
      if (track.channels > mostChannels) return { ...nothing, channelData: Array(track.channels).fill(new Float32Array(1)) }
      opus ??= new OpusDecoder({ ...track, forceStereo: true })
      await opus.ready
      return opus.decodeFrames(packets)
    },
  }
}

/** One channel of 16-bit samples. */
function mix(channels: Float32Array[]): Int16Array {
  const pcm = new Int16Array(channels[0]?.length ?? 0)
  for (let n = 0; n < pcm.length; n++) {
    let sum = 0
    for (const channel of channels) sum += channel[n] ?? 0
    pcm[n] = Math.max(-32_768, Math.min(32_767, Math.round((sum / channels.length) * 32_767)))
  }
  return pcm
}

function join(parts: Int16Array[], count: number): Uint8Array {
  const whole = new Int16Array(count)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return new Uint8Array(whole.buffer)
}
