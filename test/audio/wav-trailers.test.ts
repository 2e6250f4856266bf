import { describe, expect, test } from 'vitest'
import { readSound } from '../../src/audio/read-audio.ts'
import { WavReader } from '../../src/audio/wav-reader.ts'
import { wav } from '../support/wav.ts'
import { decoders, difference, floats, read, reference } from './read-wav.ts'

describe('data after the announced samples', () => {
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
    ['a second file of other samples', Buffer.concat([wav(reference), wav(floats(4), { bits: 32, encoding: 3 })]), twice],
    ['a second chunk of samples', Buffer.concat([wav(reference), wav(reference).subarray(36)]), twice],
    ['lists and tags alone', Buffer.concat([wav(reference), list, id3, ape, id3v1]), reference],
    ['a list of odd length, padded', Buffer.concat([wav(reference), oddList, Buffer.from([0]), list]), reference],
    ['a list of odd length that is not padded', Buffer.concat([wav(reference), oddList, list, wav(reference)]), twice],
    ['a few stray bytes', Buffer.concat([wav(reference), Buffer.from('\r\n')]), reference],
  ])('the WAV reader handles %s after the samples', async (_, file, expected) => {
    const found = await read(file)
    expect(difference(found.samples, expected)).toBe(0)
    expect(found.warnings).toEqual([])
  })

  test('more samples than announced are read, with a warning', async () => {
    const found = await read(wav(reference, { dataLength: 32_000 }))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('has more sound than its WAV header announces')])
  })

  // As little-endian bytes, these samples equal the first bytes of an MPEG, AAC or AC-3 frame.
  test.each([-1, -2, -257, -1025, -3585, -170, 30_475])('samples that begin with %i do not count as another file', async (first) => {
    const more = Int16Array.from([first, ...reference])
    const expected = Int16Array.from([...reference, ...more])
    const found = await read(wav(expected, { dataLength: reference.byteLength }))
    expect(difference(found.samples, expected)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('has more sound than its WAV header announces')])
  })

  test('a warning names an MP3 file that begins with a tag', async () => {
    const mp3 = Buffer.from([0xff, 0xfb, 0x90, 0x64, ...Array(60).fill(0)])
    const found = await read(Buffer.concat([wav(reference), id3, mp3]))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('an MP3 file, which was not recognized')])
  })

  test('a warning names a file of another format', async () => {
    const found = await read(Buffer.concat([wav(reference), Buffer.from('fLaC\0\0\0\x22and so on', 'latin1')]))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('a FLAC file, which was not recognized')])
  })

  test('the WAV reader refuses a second file of another rate', async () => {
    await expect(read(Buffer.concat([wav(reference), wav(reference, { rate: 8000 })]))).rejects.toMatchObject({
      code: 'UNSUPPORTED_AUDIO',
      message: 'Recordings of 16000 and 8000 Hz were joined. Send each recording in a separate request.',
    })
  })

  test('a second header that is cut off is an error', async () => {
    await expect(read(Buffer.concat([wav(reference), wav(reference).subarray(0, 20)]))).rejects.toMatchObject({ code: 'TRUNCATED_WAV_HEADER' })
  })
})

test('the WAV reader refuses endless chunks after the sound', async () => {
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

test('a second file is incomplete until its announced length is read', () => {
  const reader = new WavReader({ maxSeconds: Number.POSITIVE_INFINITY, warn() {} })
  reader.read(wav(reference))
  expect(reader.isComplete).toBe(true)
  reader.read(wav(reference).subarray(0, 1000))
  expect(reader.isComplete).toBe(false)
})
