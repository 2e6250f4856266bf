import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { countWordErrors } from '../src/recognition/word-errors.ts'
import { unpack } from '../src/speech/container.ts'
import { openTestService, referenceText, type Service } from './service.ts'

let api: Service
let url: string
beforeAll(async () => {
  api = await openTestService()
  url = (await api.deployEndpoint()).httpUrl
})
afterAll(() => api.close())

const recording = (name: string) => readFileSync(join(import.meta.dirname, 'recordings', name))

test.each(['en-US.mp3', 'en-US.flac', 'en-US.ogg', 'en-US.webm'])('%s is recognized as the WAV that it was', async (name) => {
  const response = await api.post(url, recording(name))
  expect(response.status).toBe(200)
  const { DisplayText, Offset } = (await response.json()) as { DisplayText: string; Offset: number }
  expect(countWordErrors(referenceText, DisplayText).errors).toBe(0)
  expect(Offset / 1e7).toBeLessThan(0.4)
})

test.each([
  ['an MP3 cut short to its header', Buffer.concat([Buffer.from('ID3'), Buffer.alloc(50)]), 415, 'UNDECODABLE_AUDIO'],
  ['a FLAC of noise', Buffer.concat([Buffer.from('fLaC'), Buffer.from(Array.from({ length: 5_000 }, (_, n) => (n * 7919) & 255))]), 415, 'UNDECODABLE_AUDIO'],
  ['an Ogg without Opus', Buffer.concat([Buffer.from('OggS'), Buffer.alloc(3_000)]), 415, 'UNDECODABLE_AUDIO'],
  ['a WebM of zeros', Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), Buffer.alloc(3_000)]), 415, 'UNDECODABLE_AUDIO'],
  ['a WebM of Vorbis', Buffer.from(recording('en-US.webm').toString('latin1').replace('A_OPUS', 'A_VORB'), 'latin1'), 415, 'UNSUPPORTED_AUDIO'],
  [
    'a WebM of eight channels',
    Buffer.from(recording('en-US.webm').toString('latin1').replace('OpusHead\x01\x01', 'OpusHead\x01\x08'), 'latin1'),
    415,
    'UNSUPPORTED_AUDIO',
  ],
  ['an MP4', Buffer.concat([Buffer.from('\0\0\0\x18ftypM4A '), Buffer.alloc(3_000)]), 415, 'UNSUPPORTED_AUDIO'],
  ['an MP3 of more than a minute', Buffer.concat(Array(25).fill(recording('en-US.mp3'))), 413, 'AUDIO_TOO_LONG'],
])('%s is refused in words', async (_, body, status, code) => {
  const response = await api.post(url, body)
  expect([response.status, await response.json()]).toMatchObject([status, { code }])
})

test('a file that goes on and on without sound is refused', async () => {
  const body = Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x80]), Buffer.alloc(20 * 2 ** 20, Buffer.from([0xec, 0x88, 0, 0, 0, 0, 0, 0, 0, 0]))])
  const response = await api.post(url, body)
  expect([response.status, await response.json()]).toMatchObject([
    415,
    { code: 'UNDECODABLE_AUDIO', detail: expect.stringContaining('16 MB hold 0.0 s of sound') },
  ])
})

/** Hours of silence in kilobytes: the longest frames of one value each. */
function flacOf(channels: number, frames: number): Buffer<ArrayBuffer> {
  const crc = (bytes: number[], bits: 8 | 16, by: number) =>
    bytes.reduce((sum, byte) => {
      let next = sum ^ (byte << (bits - 8))
      for (let n = 0; n < 8; n++) next = next & (1 << (bits - 1)) ? (next << 1) ^ by : next << 1
      return next & (2 ** bits - 1)
    }, 0)
  const [rate, block] = [16_000, 65_535]
  const streamInfo = [0x80, 0, 0, 34, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, rate >> 12, (rate >> 4) & 255, ((rate & 15) << 4) | ((channels - 1) << 1), 7 << 4]
  const parts = [Buffer.from('fLaC'), Buffer.from([...streamInfo, ...Array(38 - streamInfo.length).fill(0)])]
  for (let n = 0; n < frames; n++) {
    const number = n < 128 ? [n] : [0xc0 | (n >> 6), 0x80 | (n & 63)]
    const header = [0xff, 0xf8, 0x75, ((channels - 1) << 4) | 2, ...number, (block - 1) >> 8, (block - 1) & 255]
    const frame = [...header, crc(header, 8, 0x07), ...Array(channels).fill([0, 0]).flat()]
    const sum = crc(frame, 16, 0x8005)
    parts.push(Buffer.from([...frame, sum >> 8, sum & 255]))
  }
  return Buffer.concat(parts)
}

test.each([
  [8, 300, 415, 'UNSUPPORTED_AUDIO'],
  [2, 500, 413, 'AUDIO_TOO_LONG'],
])('a FLAC bomb of %i channels is refused before it is unpacked', async (channels, frames, status, code) => {
  const before = process.memoryUsage().rss
  let most = before
  const sampling = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 5)
  const response = await api.post(url, flacOf(channels, frames))
  clearInterval(sampling)
  expect([response.status, await response.json()]).toMatchObject([status, { code }])
  expect((most - before) / 2 ** 20).toBeLessThan(250)
})

test('a piece of a large buffer goes to the unpacking thread without the rest of it', async () => {
  const large = Buffer.alloc(64 * 2 ** 20)
  const file = recording('en-US.mp3')
  file.copy(large)
  const posted = vi.spyOn(Worker.prototype, 'postMessage')
  async function* body() {
    yield large.subarray(0, file.length)
  }
  for await (const _ of unpack('MP3', body(), AbortSignal.timeout(60_000)));
  const sizes = posted.mock.calls.map(([bytes]) => (bytes as Uint8Array | null)?.buffer.byteLength ?? 0)
  posted.mockRestore()
  expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * 1024)
})

test('files that were changed in places end in an answer, and the server goes on', async () => {
  for (const name of ['en-US.mp3', 'en-US.flac', 'en-US.ogg', 'en-US.webm']) {
    for (let round = 0; round < 3; round++) {
      const broken = Buffer.from(recording(name))
      for (let n = 60 * (round + 1); n < broken.length; n += 997 - 280 * round) broken[n] = (n * 31 + round) & 255
      expect([200, 413, 415]).toContain((await api.post(url, broken)).status)
    }
  }
  expect((await api.post(url, recording('en-US.ogg'))).status).toBe(200)
})
