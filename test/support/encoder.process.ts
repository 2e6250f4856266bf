// Encodes a WAV file of one channel into others: node encoder.process.ts in.wav '[{ "file": …, "codec": … }]'
import { readFileSync } from 'node:fs'
import {
  avChannelLayoutDefault,
  avGetBytesPerSample,
  avSampleFmtIsPlanar,
  Codec,
  CodecContext,
  Dictionary,
  FormatContext,
  Frame,
  type OutputFormat,
  Packet,
  Rational,
  SoftwareResampleContext,
} from 'node-av/lib'

interface Wanted {
  file: string
  /** FFmpeg's names. */
  container: string
  codec: string
  sampleRate?: number
  channels?: number
  options?: Record<string, string>
}

const [input = '', list = '[]'] = process.argv.slice(2)
const pcm = readFileSync(input).subarray(44)
for (const wanted of JSON.parse(list) as Wanted[]) encode(wanted)
process.exit()

function encode({ file, container, codec: name, sampleRate = 16_000, channels = 1, options = {} }: Wanted) {
  const codec = Codec.findEncoderByName(name as never)
  if (!codec) throw new Error(`no encoder ${name}`)
  const format = new FormatContext()
  check(format.allocOutputContext2(null as OutputFormat | null, container, file), file)
  const encoder = new CodecContext()
  encoder.allocContext3(codec)
  const sampleFormat = codec.sampleFormats?.[0] ?? (1 as never)
  encoder.sampleFormat = sampleFormat
  encoder.sampleRate = sampleRate
  encoder.channelLayout = avChannelLayoutDefault(channels)
  encoder.timeBase = new Rational(1, sampleRate)
  encoder.bitRate = 64_000n
  // Decoders find their settings in the container's header.
  if (/mp4|ipod|mov|matroska|webm|ogg|asf|caf/.test(container)) encoder.flags = (1 << 22) as never
  check(encoder.open2Sync(codec, null), `${file}: open`)
  const stream = format.newStream(codec)
  check(stream.codecpar.fromContext(encoder), file)
  stream.timeBase = encoder.timeBase
  check(format.openOutputSync(), file)
  check(format.writeHeaderSync(Dictionary.fromObject(options)), `${file}: header`)

  const packet = new Packet()
  packet.alloc()
  const drain = () => {
    while (encoder.receivePacketSync(packet) >= 0) {
      packet.streamIndex = 0
      packet.rescaleTs(encoder.timeBase, stream.timeBase)
      check(format.interleavedWriteFrameSync(packet), file)
      packet.unref()
    }
  }
  const { planes, count, bytes } = convert(encoder)
  const size = encoder.frameSize || 1024
  for (let at = 0; at < count; at += size) {
    const frame = new Frame()
    frame.alloc()
    frame.format = sampleFormat
    frame.sampleRate = sampleRate
    frame.channelLayout = encoder.channelLayout
    frame.nbSamples = Math.min(size, count - at)
    check(frame.getBuffer(), file)
    for (const [n, plane] of planes.entries()) plane.copy(frame.extendedData?.[n] as Buffer, 0, at * bytes, (at + frame.nbSamples) * bytes)
    frame.pts = BigInt(at)
    check(encoder.sendFrameSync(frame), `${file}: encode`)
    frame.free()
    drain()
  }
  encoder.sendFrameSync(null)
  drain()
  check(format.writeTrailerSync(), file)
  format.closeOutputSync()
}

/** The whole recording as the encoder takes it. */
function convert({ channelLayout, sampleFormat, sampleRate }: CodecContext) {
  const resampler = new SoftwareResampleContext()
  check(resampler.allocSetOpts2(channelLayout, sampleFormat, sampleRate, avChannelLayoutDefault(1), 1 as never, 16_000), 'resampler')
  check(resampler.init(), 'resampler')
  const isPlanar = avSampleFmtIsPlanar(sampleFormat)
  const bytes = avGetBytesPerSample(sampleFormat) * (isPlanar ? 1 : channelLayout.nbChannels)
  const room = Math.ceil(((pcm.length / 2) * sampleRate) / 16_000) + 1000
  const planes = Array.from({ length: isPlanar ? channelLayout.nbChannels : 1 }, () => Buffer.alloc(room * bytes))
  const first = resampler.convertSync(planes, room, [pcm], pcm.length / 2)
  const rest = resampler.convertSync(
    planes.map((plane) => plane.subarray(first * bytes)),
    room - first,
    null,
    0,
  )
  return { planes, bytes, count: first + Math.max(0, rest) }
}

function check(result: number | undefined, what: string) {
  if ((result ?? 0) < 0) throw new Error(`${what}: ${result}`)
}
