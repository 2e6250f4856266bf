import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { flacOfSilence } from '../support/bombs.ts'
import { encodeReference } from '../support/encoded.ts'
import { librivoxRecordings, openTestService, referenceRecording, referenceText, type Service, startTestService } from '../support/service.ts'
import { openSocket } from '../support/speech-socket.ts'
import { samplesOf, wav } from '../support/wav.ts'

const wanted = {
  m4a: { container: 'ipod', codec: 'aac' },
  'fragmented.mp4': { container: 'mp4', codec: 'aac', options: { movflags: 'frag_keyframe+empty_moov' } },
  ogg: { container: 'ogg', codec: 'libopus', sampleRate: 48_000 },
  'vorbis.ogg': { container: 'ogg', codec: 'libvorbis', sampleRate: 44_100, channels: 2 },
  webm: { container: 'webm', codec: 'libopus', sampleRate: 48_000 },
  aac: { container: 'adts', codec: 'aac' },
  mp3: { container: 'mp3', codec: 'libmp3lame' },
  flac: { container: 'flac', codec: 'flac' },
  'adpcm.wav': { container: 'wav', codec: 'adpcm_ms' },
  'mulaw.wav': { container: 'wav', codec: 'pcm_mulaw', sampleRate: 8_000 },
  'alaw.wav': { container: 'wav', codec: 'pcm_alaw', sampleRate: 8_000 },
  '24.wav': { container: 'wav', codec: 'pcm_s24le', sampleRate: 48_000, channels: 2 },
  'float.wav': { container: 'wav', codec: 'pcm_f32le', sampleRate: 44_100 },
  '4.wav': { container: 'wav', codec: 'pcm_s16le', channels: 4 },
} as const
type Name = keyof typeof wanted
const names = Object.keys(wanted) as Name[]

let api: Service
let url: string
let webSocketUrl: string
let files: Record<Name, Buffer<ArrayBuffer>>
beforeAll(async () => {
  ;[api, files] = await Promise.all([openTestService(), encodeReference(wanted)])
  ;({ httpUrl: url, webSocketUrl } = await api.deployEndpoint())
}, 120_000)
afterAll(() => api.close())

const reference = referenceRecording()
const recording = (name: string) => readFileSync(join(import.meta.dirname, '../recordings', name))
const errorsIn = (text: string) => countWordErrors(referenceText, text).errors

async function recognize(body: Buffer<ArrayBuffer>, headers: Record<string, string> = {}) {
  const response = await api.post(url, body, headers)
  const answer = (await response.json()) as { DisplayText: string; Offset: number; code?: string; detail?: string }
  return { status: response.status, warning: response.headers.get('warning'), ...answer }
}

async function transcribe(file: Buffer<ArrayBuffer>, format = 'json') {
  const form = new FormData()
  form.set('model', new URL(url).searchParams.get('cid') ?? '')
  form.set('response_format', format)
  form.set('file', new Blob([file]), 'recording')
  const response = await fetch(`${api.localUrl}/v1/audio/transcriptions`, { method: 'POST', headers: { authorization: `Bearer ${api.key}` }, body: form })
  return (await response.json()) as { text: string; warnings?: string[] }
}

describe('formats of recordings', () => {
  test.each(names)('the text of %s is recognized over HTTP', async (name) => {
    const { status, warning, DisplayText, Offset } = await recognize(files[name])
    expect([status, warning, errorsIn(DisplayText)]).toEqual([200, null, 0])
    expect(Offset / 1e7).toBeLessThan(0.4)
  })

  test.each(['en-US.mp3', 'en-US.flac', 'en-US.ogg', 'en-US.webm'])('the text of %s from another encoder is recognized over HTTP', async (name) => {
    expect(errorsIn((await recognize(recording(name))).DisplayText)).toBe(0)
  })

  test('the text of an M4A from a telephone is recognized over HTTP', async () => {
    const sentence = librivoxRecordings().find(({ text }) => /cold hearted/i.test(text))?.text ?? ''
    expect(countWordErrors(sentence, (await recognize(recording('librivox.m4a'))).DisplayText).errors).toBeLessThanOrEqual(2)
  })

  test.each<Name>(['m4a', 'vorbis.ogg', 'mulaw.wav', 'adpcm.wav'])('the text of %s is recognized under /v1', async (name) => {
    expect(errorsIn((await transcribe(files[name])).text)).toBe(0)
  })

  test.each<Name>(['mulaw.wav', 'alaw.wav', '24.wav', 'float.wav', '4.wav', 'adpcm.wav', 'ogg', 'webm', 'm4a', 'fragmented.mp4', 'mp3', 'flac'])(
    'over a WebSocket: %s',
    async (name) => {
      const socket = await openSocket(webSocketUrl, api.key)
      const id = crypto.randomUUID().replaceAll('-', '')
      for (let at = 0; at < files[name].length; at += 3200) socket.audio(id, files[name].subarray(at, at + 3200))
      socket.audio(id, Buffer.alloc(0))
      await Promise.race([socket.until(/turn\.end/), socket.closed])
      const phrase = socket.received.find((message) => message.includes('speech.phrase') && message.includes('"Success"')) ?? ''
      expect(errorsIn(JSON.parse(phrase.slice(phrase.indexOf('{')) || '{}').DisplayText ?? '')).toBe(0)
      socket.socket.close()
    },
  )
})

test('compressed audio over a WebSocket is recognized while it arrives', async () => {
  const socket = await openSocket(webSocketUrl, api.key)
  const id = crypto.randomUUID().replaceAll('-', '')
  const long = Buffer.concat([files.ogg, files.ogg])
  socket.audio(id, long.subarray(0, files.ogg.length + 2000))
  await socket.until(/speech\.(hypothesis|phrase)/)
  socket.audio(id, long.subarray(files.ogg.length + 2000))
  socket.audio(id, Buffer.alloc(0))
  await socket.until(/turn\.end/)
  socket.socket.close()
})

test('a damaged Ogg closes its WebSocket with a reason', async () => {
  const socket = await openSocket(webSocketUrl, api.key)
  const id = crypto.randomUUID().replaceAll('-', '')
  socket.audio(id, Buffer.concat([Buffer.from('OggS\0\x02'), Buffer.alloc(3000)]))
  socket.audio(id, Buffer.alloc(0))
  expect(await socket.closed).toEqual({ code: 1007, reason: expect.stringMatching(/^UNDECODABLE_AUDIO: The recording begins like an Ogg file/) })
})

describe('warnings for the sender', () => {
  const early = wav(samplesOf(reference), { dataLength: 32_000 })

  test('the header Warning contains a warning about the recording', async () => {
    const { status, DisplayText, warning } = await recognize(early)
    expect([status, errorsIn(DisplayText)]).toEqual([200, 0])
    expect(warning).toBe('299 - "The recording has more sound than its WAV header announces. All of it was recognized."')
  })

  test('the verbose answer of /v1 contains a warning about the recording', async () => {
    const { text, warnings } = await transcribe(early, 'verbose_json')
    expect(errorsIn(text)).toBe(0)
    expect(warnings).toEqual(['The recording has more sound than its WAV header announces. All of it was recognized.'])
  })
})

test('joined recordings are recognized to the end', async () => {
  for (const joined of [Buffer.concat([reference, reference]), Buffer.concat([files.ogg, files.ogg]), Buffer.concat([files.m4a, files.m4a])]) {
    const { DisplayText } = await recognize(joined)
    expect(countWordErrors(`${referenceText} ${referenceText}`, DisplayText).errors).toBe(0)
  }
})

describe('Content-Encoding', () => {
  test.each<[string, Buffer<ArrayBuffer>]>([
    ['gzip', gzipSync(reference)],
    ['x-gzip', gzipSync(reference)],
    ['deflate', deflateSync(reference)],
    ['br', brotliCompressSync(reference)],
    ['zstd', zstdCompressSync(reference)],
    ['deflate, gzip', gzipSync(deflateSync(reference))],
    ['identity', reference],
  ])('a body with the Content-Encoding %s is unpacked', async (encoding, body) => {
    const { status, DisplayText } = await recognize(body, { 'content-encoding': encoding })
    expect([status, errorsIn(DisplayText)]).toEqual([200, 0])
  })

  test('a form with the Content-Encoding gzip is unpacked', async () => {
    const form = new FormData()
    form.set('model', new URL(url).searchParams.get('cid') ?? '')
    form.set('file', new Blob([reference]), 'recording.wav')
    const plain = new Response(form)
    const body = gzipSync(Buffer.from(await plain.arrayBuffer()))
    const headers = { authorization: `Bearer ${api.key}`, 'content-type': plain.headers.get('content-type') ?? '', 'content-encoding': 'gzip' }
    const response = await fetch(`${api.localUrl}/v1/audio/transcriptions`, { method: 'POST', headers, body })
    expect(errorsIn(((await response.json()) as { text: string }).text)).toBe(0)
  })

  test('the error for another Content-Encoding names it', async () => {
    expect(await recognize(reference, { 'content-encoding': 'compress' })).toMatchObject({ status: 415, code: 'UNSUPPORTED_ENCODING' })
  })

  test('a body that does not match its Content-Encoding is refused', async () => {
    expect(await recognize(reference, { 'content-encoding': 'gzip' })).toMatchObject({ status: 400, code: 'INVALID_ENCODING' })
  })

  test('a packed gigabyte of zeros is not unpacked', async () => {
    const header = wav(new Int16Array(0), { dataLength: 0xffffffff })
    const bomb = gzipSync(Buffer.concat([header, Buffer.alloc(2 ** 29)]), { level: 9 })
    const before = process.memoryUsage().rss
    expect(await recognize(bomb, { 'content-encoding': 'gzip' })).toMatchObject({ status: 413, code: 'AUDIO_TOO_LONG' })
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(300)
  })
})

test('the Content-Type decides how samples without a header are recognized', async () => {
  const { status, DisplayText } = await recognize(Buffer.from(reference.subarray(44)), { 'content-type': 'audio/l16; rate=16000' })
  expect([status, errorsIn(DisplayText)]).toEqual([200, 0])
})

test.each([
  ['an MP3 cut short to its header', Buffer.concat([Buffer.from('ID3\x03\0\0\0\0\0\x20'), Buffer.alloc(50)]), 400, 'NO_AUDIO'],
  ['a FLAC of noise', Buffer.concat([Buffer.from('fLaC'), Buffer.from(Array.from({ length: 5_000 }, (_, n) => (n * 7919) & 255))]), 415, 'UNDECODABLE_AUDIO'],
  ['an Ogg of zeros', Buffer.concat([Buffer.from('OggS'), Buffer.alloc(3_000)]), 415, 'UNDECODABLE_AUDIO'],
  ['a WebM of zeros', Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), Buffer.alloc(3_000)]), 415, 'UNDECODABLE_AUDIO'],
  ['a WebM of something unknown', Buffer.from(recording('en-US.webm').toString('latin1').replace('A_OPUS', 'A_VORB'), 'latin1'), 415, 'UNSUPPORTED_AUDIO'],
  ['an MP4 of zeros', Buffer.concat([Buffer.from('\0\0\0\x18ftypM4A '), Buffer.alloc(3_000)]), 415, 'UNDECODABLE_AUDIO'],
  ['an MP3 of more than a minute', Buffer.concat(Array(25).fill(recording('en-US.mp3'))), 413, 'AUDIO_TOO_LONG'],
  ['a FLAC bomb', flacOfSilence(2, 500), 413, 'AUDIO_TOO_LONG'],
  ['a PDF', Buffer.from(`%PDF-1.7\n${'%'.repeat(100)}`), 415, 'UNSUPPORTED_AUDIO'],
])('%s is refused with an explanation', async (_, body, status, code) => {
  expect(await recognize(body)).toMatchObject({ status, code })
})

test('a long file without sound is refused', async () => {
  const body = Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x80]), Buffer.alloc(20 * 2 ** 20, Buffer.from([0xec, 0x88, 0, 0, 0, 0, 0, 0, 0, 0]))])
  expect(await recognize(body)).toMatchObject({ status: 415, code: expect.stringMatching(/^UN(DECODABLE|SUPPORTED)_AUDIO$/) })
})

test('every corrupted file gets an answer, and the server continues', async () => {
  for (const name of ['en-US.mp3', 'en-US.flac', 'en-US.ogg', 'en-US.webm', 'librivox.m4a']) {
    for (let round = 0; round < 3; round++) {
      const broken = Buffer.from(recording(name))
      for (let n = 60 * (round + 1); n < broken.length; n += 997 - 280 * round) broken[n] = (n * 31 + round) & 255
      expect([200, 400, 413, 415]).toContain((await recognize(broken)).status)
    }
  }
  expect((await recognize(recording('en-US.ogg'))).status).toBe(200)
})

test('a server without decoders reads WAV and names other formats in its errors', { timeout: 60_000 }, async () => {
  const plain = await startTestService({ DECODERS: '0' })
  const { httpUrl } = await plain.deployEndpoint()
  expect((await plain.post(httpUrl, files['mulaw.wav'])).status).toBe(200)
  const refused = await plain.post(httpUrl, files.m4a)
  expect([refused.status, await refused.json()]).toMatchObject([
    415,
    { code: 'UNSUPPORTED_AUDIO', detail: expect.stringMatching(/^This is an MP4 or QuickTime file, and this server reads only WAV/) },
  ])
})
