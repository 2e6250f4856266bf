import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openDecoders } from '../../src/audio/decoders.ts'
import { readSound } from '../../src/audio/read-audio.ts'
import { readRecording } from '../../src/audio/read-recording.ts'
import { WavReader } from '../../src/audio/wav-reader.ts'
import { addWarning } from '../../src/speech-http/warnings.ts'
import { cardRecordings, librivoxRecordings, referenceRecording } from '../support/service.ts'
import { samplesOf, type WavOptions, wav } from '../support/wav.ts'

const decoders = openDecoders({ processes: 0 })
const reference = samplesOf(referenceRecording())

async function read(file: Buffer, contentType?: string) {
  const warnings: string[] = []
  const warn = (text: string) => warnings.push(text)
  const { samples, sampleRate } = await readRecording(file, { decoders, maxSeconds: 60, signal: AbortSignal.timeout(10_000), warn, contentType })
  return { samples: new Int16Array(samples.buffer, samples.byteOffset, samples.length / 2), sampleRate, warnings }
}

/** The largest difference between two sounds of the same length. */
function difference(one: Int16Array, other: Int16Array): number {
  expect(one.length).toBe(other.length)
  return one.reduce((most, value, n) => Math.max(most, Math.abs(value - (other[n] as number))), 0)
}

const bytes = (count: number, write: (buffer: Buffer, value: number, n: number) => void, from = reference) => {
  const buffer = Buffer.alloc(from.length * count)
  for (const [n, value] of from.entries()) write(buffer, value, n * count)
  return buffer
}
const float = (size: 4 | 8) =>
  bytes(size, (buffer, value, at) => (size === 4 ? buffer.writeFloatLE(value / 32_768, at) : buffer.writeDoubleLE(value / 32_768, at)))

describe('samples of every size are read as what they are:', () => {
  test.each<[string, Buffer, WavOptions, number]>([
    ['16 bits', bytes(2, (buffer, value, at) => buffer.writeInt16LE(value, at)), {}, 0],
    ['8 bits, unsigned', bytes(1, (buffer, value, at) => buffer.writeUInt8((value >> 8) + 128, at)), { bits: 8 }, 255],
    ['24 bits', bytes(3, (buffer, value, at) => buffer.writeIntLE(value * 256, at, 3)), { bits: 24 }, 0],
    ['20 bits in 24', bytes(3, (buffer, value, at) => buffer.writeIntLE(value * 256, at, 3)), { bits: 20, align: 3 }, 0],
    ['32 bits', bytes(4, (buffer, value, at) => buffer.writeInt32LE(value * 65_536, at)), { bits: 32 }, 0],
    ['32-bit floating point', float(4), { bits: 32, encoding: 3 }, 0],
    ['64-bit floating point', float(8), { bits: 64, encoding: 3 }, 0],
  ])('%s', async (_, samples, options, most) => {
    const found = await read(wav(samples, options))
    expect(found.sampleRate).toBe(16_000)
    expect(difference(found.samples, reference)).toBeLessThanOrEqual(most)
  })

  test('floating point beyond full scale, and no numbers', async () => {
    expect([...(await read(wav(Float32Array.from([2, -2, Number.NaN, 0.5]), { bits: 32, encoding: 3 }))).samples]).toEqual([32_767, -32_768, 0, 16_384])
  })

  // Values of ITU-T G.711, tables 1a and 2a, on the scale of 16 bits.
  test.each<[string, number, number[], number[]]>([
    ['µ-law', 7, [0x80, 0x00, 0xff, 0x7f, 0xce, 0x4e], [32_124, -32_124, 0, 0, 988, -988]],
    ['A-law', 6, [0xaa, 0x2a, 0xd5, 0x55, 0x80, 0x00], [32_256, -32_256, 8, -8, 5504, -5504]],
  ])('%s', async (_, encoding, codes, values) => {
    const found = await read(wav(Uint8Array.from(codes), { bits: 8, encoding, rate: 8000 }))
    expect(found.sampleRate).toBe(8000)
    expect([...found.samples]).toEqual(values)
  })
})

test('several channels are averaged', async () => {
  const frames = Int16Array.from([100, 200, 300, 1000, -1000, 0, 0, 60])
  expect([...(await read(wav(frames, { channels: 4 }))).samples]).toEqual([400, -235])
  expect([...(await read(wav(frames, { channels: 2 }))).samples]).toEqual([150, 650, -500, 30])
})

test.each([4_000, 8_000, 11_025, 44_100, 96_000, 192_000])('%i Hz are taken', async (rate) => {
  expect((await read(wav(reference, { rate }))).sampleRate).toBe(rate)
})

test('an extensible header is read by its sub-format', async () => {
  const file = wav(float(4), { bits: 32, encoding: 0xfffe })
  const more = Buffer.alloc(24)
  more.writeUInt16LE(22, 0)
  more.writeUInt16LE(3, 8)
  const extended = Buffer.concat([file.subarray(0, 36), more, file.subarray(36)])
  extended.writeUInt32LE(40, 16)
  expect(difference((await read(extended)).samples, reference)).toBe(0)
})

test.each(['RF64', 'BW64'])('%s takes its length from its own chunk', async (id) => {
  const file = wav(reference, { dataLength: 0xffffffff })
  const ds64 = Buffer.alloc(36)
  ds64.write('ds64')
  ds64.writeUInt32LE(28, 4)
  ds64.writeBigUInt64LE(BigInt(reference.byteLength), 16)
  const list = Buffer.from('LIST\x04\0\0\0INFO', 'latin1')
  const found = await read(Buffer.concat([Buffer.from(`${id}\xff\xff\xff\xffWAVE`, 'latin1'), ds64, file.subarray(12), list]))
  expect(difference(found.samples, reference)).toBe(0)
  expect(found.warnings).toEqual([])
})

describe('a length that nobody can have sent is none:', () => {
  // espeak-ng and sox; mpg123; GStreamer and libsndfile; arecord; lame; FreeSWITCH; ffmpeg.
  test.each([0, 0x7ffff000, 0x7fffffdb, 0x7fffffd3, 0x7fffffff, 0x80000000, 0xfffffedc, 0xfffffe00, 0xffffffdb, 0xffffffff])('%i', async (dataLength) => {
    const found = await read(wav(reference, { dataLength }))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([])
  })

  test('ten minutes promised, three seconds sent, with a warning', async () => {
    const found = await read(wav(reference, { dataLength: 600 * 32_000 }))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('600 s')])
  })

  test('a little more than the file has, with a warning', async () => {
    const found = await read(wav(reference, { dataLength: reference.byteLength + 3_200 }))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringMatching(/promises .* more than was sent/)])
  })

  test('but where the size of the file is unknown, a promise that could have been kept is missed', async () => {
    async function* body() {
      yield wav(reference, { dataLength: reference.byteLength + 2 })
    }
    const hear = async () => {
      for await (const _ of readSound(body(), { decoders, maxSeconds: 60, signal: AbortSignal.timeout(10_000), warn() {} }));
    }
    await expect(hear()).rejects.toMatchObject({ code: 'TRUNCATED_AUDIO' })
  })

  test('and one that is kept is refused at once', async () => {
    const long = wav(new Int16Array(61 * 16_000))
    let sent = 0
    async function* body() {
      for (; sent < long.length; sent += 1000) yield long.subarray(sent, sent + 1000)
    }
    const options = { decoders, maxSeconds: 60, fileBytes: long.length, signal: AbortSignal.timeout(10_000), warn() {} }
    await expect(readSound(body(), options).next()).rejects.toMatchObject({ code: 'AUDIO_TOO_LONG' })
    expect(sent).toBe(0)
  })
})

test.each(['', '\0', '?'])('a chunk of odd length in the header may be followed by %j', async (padding) => {
  const file = wav(reference)
  const found = await read(Buffer.concat([file.subarray(0, 36), Buffer.from(`LIST\x05\0\0\0INFOx${padding}`, 'latin1'), file.subarray(36)]))
  expect(difference(found.samples, reference)).toBe(0)
  expect(found.warnings).toEqual([])
})

describe('what follows the promised samples is not dropped in silence:', () => {
  const twice = Int16Array.from([...reference, ...reference])
  const list = Buffer.from('LIST\x04\0\0\0INFO', 'latin1')
  const oddList = Buffer.from('LIST\x05\0\0\0INFOx', 'latin1')
  const id3 = Buffer.from('ID3\x04\0\0\0\0\0\x05abcde', 'latin1')
  const id3v1 = Buffer.from(`TAGTitle${'\0'.repeat(120)}`, 'latin1')
  const ape = Buffer.from(`APETAGEX\xd0\x07\0\0\x20\0\0\0${'\0'.repeat(48)}`, 'latin1')

  test.each<[string, Buffer, Int16Array]>([
    ['a second WAV file', Buffer.concat([wav(reference), wav(reference)]), twice],
    ['a second file of unknown length', Buffer.concat([wav(reference, { dataLength: 0 }), wav(reference, { dataLength: 0xffffffff })]), twice],
    ['a second file behind a list and tags', Buffer.concat([wav(reference), list, id3, wav(reference), list]), twice],
    ['a second file of other samples', Buffer.concat([wav(reference), wav(float(4), { bits: 32, encoding: 3 })]), twice],
    ['a second chunk of samples', Buffer.concat([wav(reference), wav(reference).subarray(36)]), twice],
    ['lists and tags alone', Buffer.concat([wav(reference), list, id3, ape, id3v1]), reference],
    ['a list of odd length, padded', Buffer.concat([wav(reference), oddList, Buffer.from([0]), list]), reference],
    ['a list of odd length that is not padded', Buffer.concat([wav(reference), oddList, list, wav(reference)]), twice],
    ['a few stray bytes', Buffer.concat([wav(reference), Buffer.from('\r\n')]), reference],
  ])('%s', async (_, file, expected) => {
    const found = await read(file)
    expect(difference(found.samples, expected)).toBe(0)
    expect(found.warnings).toEqual([])
  })

  test('more samples than promised are read, with a warning', async () => {
    const found = await read(wav(reference, { dataLength: 32_000 }))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('More sound came')])
  })

  // As little-endian bytes these samples are the first ones of an MPEG or AAC frame, or of an AC-3 one.
  test.each([-1, -2, -257, -1025, -3585, -170, 30_475])('samples that begin with %i are no file of another kind', async (first) => {
    const more = Int16Array.from([first, ...reference])
    const expected = Int16Array.from([...reference, ...more])
    const found = await read(wav(expected, { dataLength: reference.byteLength }))
    expect(difference(found.samples, expected)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('More sound came')])
  })

  test('an MP3 file that begins with a tag is named in a warning', async () => {
    const mp3 = Buffer.from([0xff, 0xfb, 0x90, 0x64, ...Array(60).fill(0)])
    const found = await read(Buffer.concat([wav(reference), id3, mp3]))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('an MP3 file, which was not recognized')])
  })

  test('a file of another kind is named in a warning', async () => {
    const found = await read(Buffer.concat([wav(reference), Buffer.from('fLaC\0\0\0\x22and so on', 'latin1')]))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('a FLAC file, which was not recognized')])
  })

  test('a second file of another rate is refused', async () => {
    await expect(read(Buffer.concat([wav(reference), wav(reference, { rate: 8000 })]))).rejects.toMatchObject({
      code: 'UNSUPPORTED_AUDIO',
      message: 'Recordings of 16000 and 8000 Hz were joined. Send them one by one.',
    })
  })

  test('a second header that breaks off is missed', async () => {
    await expect(read(Buffer.concat([wav(reference), wav(reference).subarray(0, 20)]))).rejects.toMatchObject({ code: 'TRUNCATED_WAV_HEADER' })
  })
})

test('a file gives the same samples, however it was cut', async () => {
  const short = reference.subarray(0, 3000)
  const file = Buffer.concat([
    wav(short, { dataLength: 0 }),
    wav(float(4).subarray(0, 12_000), { bits: 32, encoding: 3 }),
    Buffer.from('LIST\x04\0\0\0INFO', 'latin1'),
    wav(short),
  ])
  const whole = (await read(file)).samples
  expect(whole.length).toBe(9000)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: file.length - 1 }), { maxLength: 30 }), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), file.length]
      async function* body() {
        for (const [n, start] of at.slice(0, -1).entries()) yield file.subarray(start, at[n + 1])
      }
      const pieces = []
      for await (const { pcm } of readSound(body(), { decoders, maxSeconds: 60, signal: AbortSignal.timeout(10_000), warn() {} })) pieces.push(pcm)
      expect(Buffer.concat(pieces).equals(Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength))).toBe(true)
    }),
    { numRuns: 100 },
  )
})

test('every recording of the test data has the samples that stand in it', async () => {
  for (const { wav: file } of [...librivoxRecordings(), ...cardRecordings()]) expect(difference((await read(file)).samples, samplesOf(file))).toBe(0)
})

test('chunks without end behind the sound are cut off', async () => {
  const chunk = Buffer.alloc(8 + (1 << 20))
  chunk.write('LIST')
  chunk.writeUInt32LE(1 << 20, 4)
  async function* body() {
    yield wav(reference)
    for (let n = 0; n < 100; n++) yield chunk
  }
  const hear = async () => {
    for await (const _ of readSound(body(), { decoders, maxSeconds: 60, signal: AbortSignal.timeout(10_000), warn() {} }));
  }
  await expect(hear()).rejects.toMatchObject({ code: 'UNDECODABLE_AUDIO', message: expect.stringMatching(/64 MB/) })
})

test('a second header with a promise of its own is not complete before that is kept', () => {
  const reader = new WavReader({ maxSeconds: Number.POSITIVE_INFINITY, warn() {} })
  reader.read(wav(reference))
  expect(reader.isComplete).toBe(true)
  reader.read(wav(reference).subarray(0, 1000))
  expect(reader.isComplete).toBe(false)
})

test('a warning is kept once, and not more than ten', () => {
  const warnings = new Set<string>()
  for (let n = 0; n < 1000; n++) addWarning(warnings, `Part ${n % 20} was left out.`)
  expect(warnings.size).toBe(10)
})

describe('samples without a header', () => {
  const raw = Buffer.from(reference.buffer, reference.byteOffset, reference.byteLength)
  const swapped = Buffer.from(raw).swap16()
  test.each<[string, Buffer, number]>([
    ['audio/pcm; rate=16000', raw, 16_000],
    ['audio/x-raw;rate=16000', raw, 16_000],
    ['audio/L16; rate=16000; channels=1', swapped, 16_000],
    ['audio/l16;rate="16000"', raw, 16_000],
    ['audio/l16; rate=44100; endianness=little-endian', raw, 44_100],
  ])('are read as their Content-Type says: %s', async (type, body, rate) => {
    const found = await read(body, type)
    expect(found.sampleRate).toBe(rate)
    expect(difference(found.samples, reference)).toBe(0)
  })

  test.each<[string, number[]]>([
    ['audio/basic', [32_124, -32_124]],
    ['audio/x-mulaw; rate=8000', [32_124, -32_124]],
    ['audio/x-alaw', [5504, -5504]],
  ])('of a telephone are read: %s', async (type, values) => {
    const found = await read(Buffer.from([0x80, 0x00]), type)
    expect([found.sampleRate, ...found.samples]).toEqual([8000, ...values])
  })

  test('are refused when they are less than one', async () => {
    await expect(read(raw.subarray(0, 1), 'audio/l16; rate=16000')).rejects.toMatchObject({ code: 'NO_AUDIO' })
  })

  test('need their rate', async () => {
    await expect(read(raw, 'audio/pcm')).rejects.toMatchObject({ code: 'UNSUPPORTED_AUDIO', message: expect.stringContaining('"audio/pcm; rate=16000"') })
  })

  test('are not looked for in a WAV file', async () => {
    expect(difference((await read(wav(reference), 'audio/pcm')).samples, reference)).toBe(0)
  })
})

describe('what is no recording is refused by its name:', () => {
  test.each<[string, string | number[], string]>([
    ['a PDF', '%PDF-1.7\n', 'This is a PDF.'],
    ['an HTML page', '\n<!DOCTYPE html><html>', 'This is an HTML page.'],
    ['XML', '<?xml version="1.0"?><a/>', 'This is an XML document.'],
    ['JSON', '{"audio": "…"}', 'This is JSON text.'],
    ['base64', Buffer.from('RIFF1234WAVE').toString('base64'), 'This is base64 text.'],
    ['text', 'hello', 'This is text.'],
    ['a ZIP archive', 'PK\x03\x04\x14\0\0\0\0\0\0\0', 'This is a ZIP archive.'],
    ['gzip', [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'This is a gzip file.'],
    ['a picture', [0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0], 'This is a JPEG image.'],
    ['a playlist', '#EXTM3U\nfile:///etc/passwd\n', 'This is an HLS playlist.'],
    ['DTS', [0x7f, 0xfe, 0x80, 0x01, 0xfc, 0x3c, 0x3f, 0xf0, 0, 0, 0, 0], 'This is a DTS stream.'],
    ['an AVI', 'RIFF\0\0\0\0AVI LIST', 'This is an AVI video.'],
    ['an MP3 where only WAV is read', [0xff, 0xfb, 0x90, 0x64, ...Array(60).fill(0)], 'This is an MP3 file, and this server decodes only WAV.'],
    ['an M4A where only WAV is read', '\0\0\0\x20ftypM4A \0\0\0\0', 'This is an MP4 or QuickTime file, and this server decodes only WAV.'],
    [
      'a WAV file of MP3 where only WAV is read',
      wav(new Int16Array(10), { encoding: 0x55, bits: 0, align: 1 }).toString('latin1'),
      'This is a WAV file with 0-bit samples of codec 85.',
    ],
  ])('%s', async (_, content, message) => {
    const file = typeof content === 'string' ? Buffer.from(content, /[^\0-\xff]/.test(content) ? 'utf8' : 'latin1') : Buffer.from(content)
    await expect(read(file)).rejects.toMatchObject({ code: 'UNSUPPORTED_AUDIO', message: expect.stringContaining(message) })
  })
})
