import type { AVDiscard, FFDecoderCodec } from 'node-av/constants'
import { avGetCodecName, Codec, CodecContext, Dictionary, FormatContext, Frame, InputFormat, IOContext, Packet, type Stream } from 'node-av/lib'
import { AudioError } from './audio-error.ts'
import type { DecoderInput } from './decoder-input.ts'
import { nameOther, nameSound } from './format-names.ts'
import { containers, isDecodable } from './supported-formats.ts'

type Callback = Parameters<IOContext['allocContextWithCallbacks']>

const ioBytes = 32 * 1024
const probeBytes = { first: 2048, max: 1 << 20 }
const mediaTypeAudio = 1
const discardAll = 48 as AVDiscard
/** The flag of a packet that the end of the file cuts. */
const corrupt = 2
const seek = { set: 0, current: 1, end: 2, size: 0x10000 }
const allowed = Object.keys(containers).join(',')

/** Reads the sound of one file, packet by packet. */
export class Demuxer {
  /** The one frame of this process. */
  static readonly frame = newFrame()
  readonly decoder: CodecContext
  /** The number of audio tracks. */
  readonly tracks: number
  /** True if the file ends within a packet. */
  isCut = false
  readonly #format = new FormatContext()
  readonly #stream: Stream
  readonly #io = new IOContext()

  constructor(input: DecoderInput) {
    const { format, name, reads } = probe(input)
    const failure = unrecognized(input)
    const isBigEndian = input.peek(4).toString('latin1') === 'RIFX'
    input.expect(format.name ?? '')
    const isWhole = reads === 'WHOLE' || (name === 'MP4' && !isIndexFirst(input))
    const [read, seekTo] = isWhole ? readBuffer(input.readWhole()) : [(size: number) => input.read(size), null]
    this.#io.allocContextWithCallbacks(ioBytes, 0, read, null, seekTo)
    this.#format.allocContext()
    this.#format.pb = this.#io
    // A demuxer must not open another container, a file or an address.
    const options = Dictionary.fromObject({ format_whitelist: allowed, protocol_whitelist: 'none' })
    if (this.#format.openInputSync('', format, options) < 0) throw failure
    const streams = this.#format.streams.filter(({ codecpar }) => codecpar.codecType === mediaTypeAudio)
    const [stream] = streams
    if (!stream) throw new AudioError('UNSUPPORTED_AUDIO', `The ${name} file has no audio track. Send a recording.`)
    for (const other of this.#format.streams) if (other.index !== stream.index) other.discard = discardAll
    this.tracks = streams.length
    this.#stream = stream
    if (isBigEndian) swapByteOrder(stream)
    this.decoder = openDecoder(stream, name, failure)
  }

  *packets(): Generator<{ packet: Packet; seconds: number }> {
    const { num, den } = this.#stream.timeBase
    const tick = den ? num / den : 0
    const packet = new Packet()
    packet.alloc()
    while (this.#format.readFrameSync(packet) >= 0) {
      if (packet.streamIndex === this.#stream.index) {
        this.isCut = (packet.flags & corrupt) !== 0
        yield { packet, seconds: Number(packet.duration) * tick }
      }
      packet.unref()
    }
    packet.free()
  }

  close(): void {
    this.decoder.freeContext()
    this.#format.closeInputSync()
  }
}

function newFrame() {
  const frame = new Frame()
  frame.alloc()
  return frame
}

/** Identifies the container from as few bytes as possible. */
function probe(input: DecoderInput): { format: InputFormat; name: string; reads: 'STREAM' | 'WHOLE' } {
  let format: InputFormat | null = null
  for (let bytes = probeBytes.first; bytes <= probeBytes.max; bytes *= 2) {
    const head = input.peek(bytes)
    format = InputFormat.probe(head)
    // The first bytes of common formats can look like a rare format until more bytes arrive.
    if (containers[format?.name ?? ''] || head.length < bytes) break
  }
  const known = containers[format?.name ?? '']
  if (format && known) return { format, ...known }
  throw unrecognized(input, format ? `${format.longName} (${format.name})` : undefined)
}

/** Names the content as precisely as possible. Only known audio counts as damaged. */
function unrecognized(input: DecoderInput, guess?: string): AudioError {
  const head = input.peek(512)
  const sound = nameSound(head)
  return sound
    ? new AudioError('UNDECODABLE_AUDIO', `The recording begins like ${sound}, but cannot be decoded. Save it again, or send a WAV file.`)
    : new AudioError(
        'UNSUPPORTED_AUDIO',
        `This is ${nameOther(head) ?? guess ?? 'not a recording in a known format'}. Send a recording, for example WAV, MP3, M4A, FLAC, Ogg or WebM.`,
      )
}

/** FFmpeg reads the numbers in the header of a big-endian WAV file as they are, but not its samples. */
function swapByteOrder({ codecpar }: Stream) {
  const name = avGetCodecName(codecpar.codecId) ?? ''
  const swapped = /^pcm_.*le$/.test(name) ? Codec.findDecoderByName(name.replace(/le$/, 'be') as FFDecoderCodec) : null
  if (swapped) codecpar.codecId = swapped.id
}

function openDecoder({ codecpar, timeBase }: Stream, container: string, failure: AudioError): CodecContext {
  const name = avGetCodecName(codecpar.codecId) ?? 'an unknown codec'
  const codec = isDecodable(name) ? Codec.findDecoder(codecpar.codecId) : null
  if (!codec)
    throw new AudioError(
      'UNSUPPORTED_AUDIO',
      `This is ${container} with ${name === 'none' ? 'an unknown codec' : name}, which this server cannot decode. Send another format.`,
    )
  const decoder = new CodecContext()
  decoder.allocContext3(codec)
  decoder.parametersToContext(codecpar)
  decoder.pktTimebase = timeBase
  decoder.threadCount = 1
  if (decoder.open2Sync(codec, null) < 0) throw failure
  return decoder
}

/** True if the index of an MP4 precedes its content, so that the sound can be decoded while it arrives. */
function isIndexFirst(input: DecoderInput): boolean {
  for (let at = 0; at < probeBytes.max; ) {
    const head = input.peek(at + 8)
    if (head.length < at + 8) return true
    const [size, type] = [head.readUInt32BE(at), head.toString('latin1', at + 4, at + 8)]
    if (type === 'moov') return true
    if (type === 'mdat' || size < 8) return false
    at += size
  }
  return false
}

function readBuffer(file: Buffer): [Callback[2], Callback[4]] {
  let at = 0
  return [
    (size) => {
      if (at >= file.length) return null
      const piece = file.subarray(at, at + size)
      at += piece.length
      return piece
    },
    (offset, whence) => {
      if (whence === seek.size) return BigInt(file.length)
      at = Math.max(0, Number(offset) + (whence === seek.current ? at : whence === seek.end ? file.length : 0))
      return BigInt(at)
    },
  ]
}
