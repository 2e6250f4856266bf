import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countWordErrors } from '../src/recognition/word-errors.ts'
import { openTestService, referenceText, type Service } from './service.ts'

let api: Service
let url: string
beforeAll(async () => {
  api = await openTestService()
  url = (await api.deploy()).deployment.endpoint?.httpUrl ?? ''
})
afterAll(() => api.close())

const recording = (name: string) => readFileSync(join(import.meta.dirname, 'recordings', name))

test.each(['en-US.mp3', 'en-US.flac', 'en-US.ogg'])('%s is recognized as the WAV that it was', async (name) => {
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
  ['a WebM', Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), Buffer.alloc(3_000)]), 415, 'UNSUPPORTED_AUDIO'],
  ['an MP3 of more than a minute', Buffer.concat(Array(25).fill(recording('en-US.mp3'))), 413, 'AUDIO_TOO_LONG'],
])('%s is refused in words', async (_, body, status, code) => {
  const response = await api.post(url, body)
  expect([response.status, await response.json()]).toMatchObject([status, { code }])
})

test('files that were changed in places end in an answer, and the server goes on', async () => {
  for (const name of ['en-US.mp3', 'en-US.flac', 'en-US.ogg']) {
    for (let round = 0; round < 5; round++) {
      const broken = Buffer.from(recording(name))
      for (let n = 40 * (round + 1); n < broken.length; n += 997 - 150 * round) broken[n] = (n * 31 + round) & 255
      expect([200, 413, 415]).toContain((await api.post(url, broken)).status)
    }
  }
  expect((await api.post(url, recording('en-US.ogg'))).status).toBe(200)
})
