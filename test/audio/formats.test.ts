import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDecoders } from '../../src/audio/decoders.ts'
import { readRecording } from '../../src/audio/read-recording.ts'
import { encodeReference } from '../support/encoded.ts'
import { referenceRecording } from '../support/service.ts'
import { likeness, samplesOf, wav } from '../support/wav.ts'

const decoders = openDecoders({ processes: 4 })
const reference = samplesOf(referenceRecording())
const seconds = reference.length / 16_000

const wanted = {
  'AAC in MP4': { container: 'ipod', codec: 'aac' },
  'AAC in MP4, index in front': { container: 'ipod', codec: 'aac', options: { movflags: 'faststart' } },
  'AAC in fragmented MP4': { container: 'mp4', codec: 'aac', options: { movflags: 'frag_keyframe+empty_moov' } },
  'AAC of six channels in MP4': { container: 'ipod', codec: 'aac', sampleRate: 48_000, channels: 6 },
  'ALAC in MP4': { container: 'ipod', codec: 'alac' },
  'AAC in ADTS': { container: 'adts', codec: 'aac' },
  'AAC in QuickTime': { container: 'mov', codec: 'aac', sampleRate: 44_100, channels: 2 },
  'Opus in MP4': { container: 'mp4', codec: 'libopus', sampleRate: 48_000 },
  'Opus in Ogg': { container: 'ogg', codec: 'libopus', sampleRate: 48_000 },
  'Opus of eight channels in Ogg': { container: 'ogg', codec: 'libopus', sampleRate: 48_000, channels: 8 },
  'Vorbis in Ogg': { container: 'ogg', codec: 'libvorbis', sampleRate: 44_100, channels: 2 },
  'FLAC in Ogg': { container: 'ogg', codec: 'flac' },
  'Opus in WebM': { container: 'webm', codec: 'libopus', sampleRate: 48_000 },
  'Vorbis in WebM': { container: 'webm', codec: 'libvorbis', sampleRate: 44_100 },
  'PCM in WebM': { container: 'matroska', codec: 'pcm_f32le', sampleRate: 48_000 },
  'AAC in Matroska': { container: 'matroska', codec: 'aac' },
  FLAC: { container: 'flac', codec: 'flac' },
  'FLAC of 96 kHz': { container: 'flac', codec: 'flac', sampleRate: 96_000, channels: 2 },
  'MP3 of 44.1 kHz': { container: 'mp3', codec: 'libmp3lame', sampleRate: 44_100, channels: 2 },
  'MP3 of 16 kHz': { container: 'mp3', codec: 'libmp3lame' },
  'MP2 of 48 kHz': { container: 'mp2', codec: 'mp2', sampleRate: 48_000, options: { b: '384k' } },
  MP2: { container: 'mp2', codec: 'mp2' },
  'AC-3': { container: 'ac3', codec: 'ac3', sampleRate: 48_000 },
  'E-AC-3': { container: 'eac3', codec: 'eac3', sampleRate: 48_000 },
  'Windows Media': { container: 'asf', codec: 'wmav2', sampleRate: 44_100 },
  AIFF: { container: 'aiff', codec: 'pcm_s16be' },
  'AU of µ-law': { container: 'au', codec: 'pcm_mulaw', sampleRate: 8_000 },
  CAF: { container: 'caf', codec: 'pcm_s16le' },
  'ALAC in CAF': { container: 'caf', codec: 'alac' },
  Wave64: { container: 'w64', codec: 'pcm_s16le' },
  'ADPCM in WAV': { container: 'wav', codec: 'adpcm_ms' },
  'IMA ADPCM in WAV': { container: 'wav', codec: 'adpcm_ima_wav' },
  'MP3 in WAV': { container: 'wav', codec: 'libmp3lame' },
  'PCM of 384 kHz in WAV': { container: 'wav', codec: 'pcm_s16le', sampleRate: 384_000 },
} as const
type Name = keyof typeof wanted
const names = Object.keys(wanted) as Name[]

let files: Record<Name, Buffer<ArrayBuffer>>
beforeAll(async () => {
  files = await encodeReference(wanted)
}, 60_000)
afterAll(() => decoders.close())

async function read(file: Buffer) {
  const warnings: string[] = []
  const warn = (text: string) => warnings.push(text)
  const { samples, sampleRate } = await readRecording(file, { decoders, maxSeconds: 60, signal: AbortSignal.timeout(20_000), warn })
  const found = new Int16Array(new Uint8Array(samples).buffer)
  return { samples: found, seconds: found.length / sampleRate, warnings }
}

test.each(names)('%s decodes to the sound of the recording', async (name) => {
  const found = await read(files[name])
  expect(Math.abs(found.seconds - seconds)).toBeLessThan(0.15)
  expect(found.warnings).toEqual([])
  // Telephone bandwidth and low rates lose the higher frequencies.
  expect(likeness(reference, found.samples)).toBeGreaterThan(/ADPCM|µ|Windows|AC-3/.test(name) ? 0.93 : 0.97)
})

test.each(['FLAC', 'ALAC in MP4', 'AIFF', 'CAF', 'Wave64', 'FLAC in Ogg'] as const)('%s decodes without loss', async (name) => {
  expect(Buffer.compare(Buffer.from((await read(files[name])).samples.buffer), Buffer.from(reference.buffer))).toBe(0)
})

test.each([2, 3, 4] as const)('a decoder reads big-endian WAV with samples of %i bytes', async (bytes) => {
  const header = wav(Buffer.alloc(reference.length * bytes), { bits: bytes * 8 }).subarray(0, 44)
  header.write('RIFX')
  for (const at of [4, 16, 24, 28, 40]) header.subarray(at, at + 4).reverse()
  for (const at of [20, 22, 32, 34]) header.subarray(at, at + 2).reverse()
  const samples = Buffer.alloc(reference.length * bytes)
  for (const [n, value] of reference.entries()) samples.writeInt16BE(value, n * bytes)
  const found = await read(Buffer.concat([header, samples]))
  expect(found.warnings).toEqual([])
  expect(likeness(reference, found.samples)).toBeGreaterThan(0.99)
})

test('a decoder reads AMR and GSM, the codecs of telephones', async () => {
  // AMR of one mode: a byte that names it, then 31 bytes of speech, 50 times a second.
  const frames = Buffer.alloc(32 * 100, Buffer.from([0x3c, ...Array.from({ length: 31 }, (_, n) => (n * 37) & 255)]))
  expect((await read(Buffer.concat([Buffer.from('#!AMR\n'), frames]))).seconds).toBeCloseTo(2, 1)
  // GSM 06.10 in the form of WAV files of telephone systems.
  const gsm = wav(Buffer.alloc(65 * 50, Buffer.from([0xd0, ...Array(64).fill(0x5a)])), { encoding: 0x31, bits: 0, align: 65, rate: 8000 })
  const header = Buffer.concat([gsm.subarray(0, 36), Buffer.from([2, 0, 0x40, 1]), gsm.subarray(36)])
  header.writeUInt32LE(20, 16)
  header.writeUInt32LE(1625, 28)
  expect((await read(header)).seconds).toBeCloseTo(2, 1)
})

describe('joined recordings', () => {
  test.each<[Name, Name]>([
    ['Opus in Ogg', 'Opus in Ogg'],
    ['Opus in Ogg', 'Opus of eight channels in Ogg'],
    ['FLAC', 'FLAC'],
    ['FLAC', 'FLAC of 96 kHz'],
    ['MP3 of 44.1 kHz', 'MP3 of 16 kHz'],
    ['MP3 of 44.1 kHz', 'FLAC'],
    ['AAC in ADTS', 'AAC in ADTS'],
    ['AAC in MP4', 'AAC in MP4, index in front'],
    ['AAC in MP4, index in front', 'AAC in MP4'],
    ['AAC in fragmented MP4', 'AAC in fragmented MP4'],
    ['Opus in WebM', 'Vorbis in WebM'],
    ['Windows Media', 'Windows Media'],
    ['AIFF', 'CAF'],
    ['Wave64', 'Wave64'],
    ['ADPCM in WAV', 'MP3 in WAV'],
    ['AU of µ-law', 'Opus in Ogg'],
  ])('a decoder reads joined files to the end: %s and %s', async (one, other) => {
    const found = await read(Buffer.concat([files[one], files[other]]))
    expect(Math.abs(found.seconds - 2 * seconds)).toBeLessThan(0.3)
    expect(found.warnings).toEqual([])
    expect(likeness(reference, found.samples.subarray(-reference.length - 3000), 4000)).toBeGreaterThan(0.9)
  })

  test('unreadable data after a recording causes a warning', async () => {
    const found = await read(Buffer.concat([files['AAC in MP4'], Buffer.from('caff\0\x01\0\0desc and then other data', 'latin1')]))
    expect(Math.abs(found.seconds - seconds)).toBeLessThan(0.15)
    expect(found.warnings).toEqual([expect.stringContaining('The data after the recording was not recognized.')])
  })
})

describe('tags, zeros and cuts', () => {
  const id3 = Buffer.concat([Buffer.from('ID3\x03\0\0\0\0\x10\0', 'latin1'), Buffer.alloc(2048)])
  test.each<[string, () => Buffer]>([
    ['after an ID3 tag, in FLAC', () => Buffer.concat([id3, files.FLAC])],
    ['after an ID3 tag, in AAC', () => Buffer.concat([id3, files['AAC in ADTS']])],
    ['after an ID3 tag, in WAV', () => Buffer.concat([id3, referenceRecording()])],
    ['after an ID3 tag, in MP4', () => Buffer.concat([id3, files['AAC in MP4']])],
    ['after two ID3 tags, in MP3', () => Buffer.concat([id3, id3, files['MP3 of 16 kHz']])],
    ['after zeros, in MP3', () => Buffer.concat([Buffer.alloc(100_000), files['MP3 of 16 kHz']])],
    ['after one zero, in MP3', () => Buffer.concat([Buffer.alloc(1), files['MP3 of 16 kHz']])],
    ['after seven zeros, in MP3', () => Buffer.concat([Buffer.alloc(7), files['MP3 of 16 kHz']])],
    ['after one zero, in MP4', () => Buffer.concat([Buffer.alloc(1), files['AAC in MP4']])],
    ['after a line end, in MP4', () => Buffer.concat([Buffer.from('\r\n'), files['AAC in MP4']])],
    ['after a byte order mark, in MP3', () => Buffer.concat([Buffer.from('\ufeff'), files['MP3 of 16 kHz']])],
    ['after a line end, in WAV', () => Buffer.concat([Buffer.from('\r\n'), referenceRecording()])],
    ['after zeros, in MP4', () => Buffer.concat([Buffer.alloc(512), files['AAC in MP4']])],
    ['after zeros, in WAV', () => Buffer.concat([Buffer.alloc(512), referenceRecording()])],
    ['before a tag, in MP3', () => Buffer.concat([files['MP3 of 16 kHz'], Buffer.from(`TAG${'x'.repeat(125)}`)])],
    ['before zeros, in MP4', () => Buffer.concat([files['AAC in MP4'], Buffer.alloc(50_000)])],
  ])('a decoder finds sound %s', async (_, make) => {
    const found = await read(make())
    expect(Math.abs(found.seconds - seconds)).toBeLessThan(0.15)
    expect(found.warnings).toEqual([])
    expect(likeness(reference, found.samples)).toBeGreaterThan(0.95)
  })

  test.each<Name>(['MP3 of 44.1 kHz', 'FLAC', 'Opus in Ogg', 'Opus in WebM', 'AAC in ADTS', 'AAC in MP4, index in front', 'AAC in fragmented MP4'])(
    'a decoder reads a stream that is cut within a frame: %s',
    async (name) => {
      const file = files[name]
      const found = await read(file.subarray(0, Math.floor(file.length * 0.7)))
      expect(found.seconds).toBeGreaterThan(0.4)
      expect(found.seconds).toBeLessThan(seconds)
    },
  )

  test('a cut MP4 causes a warning', async () => {
    const file = files['AAC in MP4, index in front']
    expect((await read(file.subarray(0, Math.floor(file.length * 0.7)))).warnings).toEqual([
      expect.stringMatching(/^The file is cut off after \d\.\d s of sound/),
    ])
  })
})

test.each(['en-US.mp3', 'en-US.flac', 'en-US.ogg', 'en-US.webm'])('%s of another encoder decodes to the sound of the recording', async (name) => {
  const found = await read(readFileSync(join(import.meta.dirname, '../recordings', name)))
  expect(found.warnings).toEqual([])
  expect(likeness(reference, found.samples)).toBeGreaterThan(0.9)
})

test('a decoder returns sound before the end of the file', async () => {
  for (const name of ['MP3 of 44.1 kHz', 'Opus in Ogg', 'Opus in WebM', 'FLAC', 'AAC in fragmented MP4', 'AAC in MP4, index in front'] as const) {
    const { promise: heard, resolve: hear } = Promise.withResolvers<void>()
    const file = files[name]
    const half = Math.floor(file.length / 2)
    async function* body() {
      yield file.subarray(0, half)
      await heard
      yield file.subarray(half)
    }
    let total = 0
    for await (const pcm of decoders.decode(body(), () => {}, { workspaceId: 'w', waitMs: 0, signal: AbortSignal.timeout(20_000) })) {
      total += pcm.length
      hear()
    }
    expect(Math.abs(total / 32_000 - seconds)).toBeLessThan(0.15)
  }
})

describe('undecodable files', () => {
  test.each<[string, () => Buffer, string, RegExp]>([
    [
      'an unknown codec in MP4',
      () => swap(files['Opus in MP4'], 'Opus', 'ZZZZ'),
      'UNSUPPORTED_AUDIO',
      /^This is MP4 with an unknown codec, which this server cannot decode/,
    ],
    ['AC-4 in MP4', () => swap(files['Opus in MP4'], 'Opus', 'ac-4'), 'UNSUPPORTED_AUDIO', /^This is MP4 with ac4, which this server cannot decode/],
    ['an MP4 without its index', () => files['AAC in MP4'].subarray(0, 5000), 'UNDECODABLE_AUDIO', /^The recording begins like an MP4 or QuickTime file, but/],
    ['an Ogg of zeros', () => Buffer.concat([Buffer.from('OggS\0'), Buffer.alloc(3000)]), 'UNDECODABLE_AUDIO', /^The recording begins like an Ogg file, but/],
    [
      'noise',
      () => Buffer.from(Array.from({ length: 5000 }, (_, n) => (((n * n * 7919) >> 5) & 127) | 1)),
      'UNSUPPORTED_AUDIO',
      /^This is not a recording in a known format/,
    ],
  ])('the error names %s', async (_, make, code, message) => {
    await expect(read(make())).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

const swap = (file: Buffer, word: string, other: string) => Buffer.from(file.toString('latin1').replaceAll(word, other), 'latin1')
