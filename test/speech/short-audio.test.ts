import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resample } from '../../src/audio/resampler.ts'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { cardRecordings, librivoxRecordings, openTestService, referenceRecording, referenceText, type Service, uuidOf } from '../support/service.ts'
import { wav } from '../support/wav.ts'

let api: Service
let url: string
beforeAll(async () => {
  api = await openTestService()
  url = (await api.deployEndpoint()).httpUrl
})
afterAll(() => api.close())

function concat(...parts: Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function referenceSamples(): Int16Array {
  const file = referenceRecording()
  const copy = Buffer.from(file.subarray(44))
  return new Int16Array(copy.buffer, copy.byteOffset, copy.length >> 1)
}

/** The reference at another rate, straight lines between its samples, on one or two channels. */
function referenceAt(rate: number, channels: number): Buffer<ArrayBuffer> {
  const samples = referenceSamples()
  const frames = Math.floor((samples.length * rate) / 16_000)
  const out = new Int16Array(frames * channels)
  for (let frame = 0; frame < frames; frame++) {
    const at = (frame * 16_000) / rate
    const low = samples[Math.floor(at)] ?? 0
    const high = samples[Math.floor(at) + 1] ?? low
    for (let channel = 0; channel < channels; channel++) out[frame * channels + channel] = low + (high - low) * (at % 1)
  }
  return wav(out, { rate, channels })
}

const recognize = async (body: Buffer<ArrayBuffer>) =>
  (await (await api.post(url, body)).json()) as { RecognitionStatus: string; DisplayText: string; Offset: number; Duration: number }

describe('recognized', () => {
  test.each([
    [8_000, 1],
    [11_025, 1],
    [22_050, 1],
    [44_100, 2],
    [48_000, 2],
    [96_000, 1],
  ])('%i Hz on %i channels', async (rate, channels) => {
    const { DisplayText } = await recognize(referenceAt(rate, channels))
    expect(countWordErrors(referenceText, DisplayText).errors).toBeLessThanOrEqual(1)
  })

  test.each([0, 0xffffffff])('a streamed file, whose header gives its length as %i', async (dataLength) => {
    const { DisplayText } = await recognize(wav(referenceSamples(), { dataLength }))
    expect(countWordErrors(referenceText, DisplayText).errors).toBe(0)
  })

  test('a file with lists before and after its samples', async () => {
    const plain = referenceRecording()
    const list = Buffer.concat([Buffer.from('LIST'), Buffer.from([5, 0, 0, 0]), Buffer.from('INFO\0\0')])
    const { DisplayText } = await recognize(Buffer.concat([plain.subarray(0, 36), list, plain.subarray(36), list]))
    expect(countWordErrors(referenceText, DisplayText).errors).toBe(0)
  })

  test('a chunked upload', async () => {
    const file = referenceRecording()
    const chunks = Array.from({ length: Math.ceil(file.length / 3001) }, (_, n) => file.subarray(n * 3001, (n + 1) * 3001))
    const response = await api.post(url, new Blob(chunks).stream())
    expect(countWordErrors(referenceText, ((await response.json()) as { DisplayText: string }).DisplayText).errors).toBe(0)
  })

  test('a live upload, which a recognizer listens to before it ends', async () => {
    const file = referenceRecording()
    let listening = 0
    const live = new ReadableStream({
      async start(controller) {
        controller.enqueue(file.subarray(0, 60_000))
        await expect
          .poll(async () => {
            listening = await api.readFigure('recognizer_streams')
            return listening
          })
          .toBe(1)
        controller.enqueue(file.subarray(60_000))
        controller.close()
      },
    })
    const { DisplayText } = (await (await api.post(url, live)).json()) as { DisplayText: string }
    expect(countWordErrors(referenceText, DisplayText).errors).toBe(0)
    expect(listening).toBe(1)
  })

  test('speech where it is: offset and duration in ticks of 100 ns', async () => {
    const silence = new Int16Array(2 * 16_000)
    const { Offset, Duration } = await recognize(wav(concat(silence, referenceSamples(), silence)))
    expect(Offset / 1e7).toBeGreaterThan(2.05)
    expect(Offset / 1e7).toBeLessThan(2.35)
    expect((Offset + Duration) / 1e7).toBeGreaterThan(4.7)
    expect((Offset + Duration) / 1e7).toBeLessThan(5.6)
  })

  test('playing cards, mostly', async () => {
    const counts = []
    for (const { wav: file, text } of cardRecordings()) counts.push(countWordErrors(text, (await recognize(file)).DisplayText))
    expect(counts.reduce((sum, count) => sum + count.errors, 0)).toBeLessThanOrEqual(4)
  })

  test('silence, as such', async () => {
    expect(await recognize(wav(new Int16Array(16_000)))).toEqual({
      RecognitionStatus: 'InitialSilenceTimeout',
      Offset: 10_000_000,
      Duration: 0,
      DisplayText: '',
    })
  })
})

describe('the recognition mode', () => {
  const at = (mode: string) => url.replace('/interactive/', `/${mode}/`)
  const display = async (to: string, body: Buffer<ArrayBuffer>) => ((await (await api.post(to, body)).json()) as { DisplayText: string }).DisplayText

  test('interactive returns the first phrase, dictation returns all phrases', async () => {
    const pause = new Int16Array(2 * 16_000)
    const twice = wav(concat(referenceSamples(), pause, referenceSamples()))
    expect(countWordErrors(referenceText, await display(url, twice)).errors).toBe(0)
    expect(countWordErrors(`${referenceText} ${referenceText}`, await display(at('dictation'), twice)).errors).toBe(0)
  })

  test('a query has no final full stop, a sentence has one', async () => {
    expect(await display(url, referenceRecording())).toMatch(/weather$/)
    expect(await display(at('conversation'), referenceRecording())).toMatch(/weather\.$/)
  })
})

/** Begun while there is something else to do, since it takes ten seconds. */
let halfWay: Promise<number | undefined>

describe('short audio is refused:', () => {
  beforeAll(() => {
    halfWay = new Promise((answered) => {
      const headers = { 'Ocp-Apim-Subscription-Key': api.key, 'Content-Length': reference.length }
      const request = httpRequest(url, { method: 'POST', headers }, (response) => answered(response.statusCode))
      request.on('error', () => {})
      request.write(reference.subarray(0, 1000))
    })
  })

  const long = (seconds: number) => wav(new Int16Array(seconds * 16_000))
  const reference = referenceRecording()
  test.each<[string, number, string, Buffer<ArrayBuffer>]>([
    ['no audio', 400, 'NO_AUDIO', Buffer.alloc(0)],
    ['a header alone', 400, 'NO_AUDIO', wav(new Int16Array(0))],
    ['something that is no WAV', 415, 'UNSUPPORTED_AUDIO', Buffer.from('<html>This is no recording.</html>')],
    ['a RIFX header with the numbers of RIFF', 415, 'UNDECODABLE_AUDIO', Buffer.concat([Buffer.from('RIFX'), reference.subarray(4)])],
    ['another kind of RIFF', 415, 'UNSUPPORTED_AUDIO', Buffer.concat([reference.subarray(0, 8), Buffer.from('AVI '), reference.subarray(12)])],
    ['a header cut off', 400, 'TRUNCATED_WAV_HEADER', reference.subarray(0, 30)],
    ['61 seconds', 413, 'AUDIO_TOO_LONG', long(61)],
    ['61 seconds of unknown length', 413, 'AUDIO_TOO_LONG', wav(new Int16Array(61 * 16_000), { dataLength: 0 })],
    ['samples of 40 bits', 415, 'UNSUPPORTED_AUDIO', wav(new Int16Array(100), { bits: 40 })],
    ['floating point of 16 bits', 415, 'UNSUPPORTED_AUDIO', wav(new Int16Array(100), { encoding: 3 })],
    ['65,535 channels', 415, 'UNSUPPORTED_AUDIO', wav(new Int16Array(100), { channels: 65_535, align: 2 })],
    ['0 Hz', 415, 'UNSUPPORTED_AUDIO', wav(new Int16Array(100), { rate: 0 })],
    ['1 GHz', 415, 'UNSUPPORTED_AUDIO', wav(new Int16Array(100), { rate: 1_000_000_000 })],
    ['a wrong block align', 400, 'INVALID_WAV_HEADER', wav(new Int16Array(100), { align: 7 })],
    [
      'a list that never ends',
      400,
      'INVALID_WAV_HEADER',
      Buffer.concat([reference.subarray(0, 12), Buffer.from('LIST'), Buffer.from([0xff, 0xff, 0xff, 0x00])]),
    ],
  ])('%s', async (_, status, code, body) => {
    const started = performance.now()
    const response = await api.post(url, body)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    const problem = (await response.json()) as { code: string; detail: string }
    expect(problem.code).toBe(code)
    expect(problem.detail.length).toBeGreaterThan(20)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  test('fewer samples than announced, in a chunked upload', async () => {
    const response = await api.post(url, new Blob([reference.subarray(0, 20_000)]).stream())
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([422, 'TRUNCATED_AUDIO'])
  })

  test('an endless upload is refused without growing memory', async () => {
    const before = process.memoryUsage().rss
    let sent = 0
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(sent ? Buffer.alloc(1 << 20) : wav(new Int16Array(0), { dataLength: 0xffffffff }))
        sent++
      },
    })
    const outcome = await api.post(url, endless).then(
      (response) => response.status,
      () => 'cut off',
    )
    expect([413, 'cut off']).toContain(outcome)
    expect(sent).toBeLessThan(200)
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20)
  })

  test.each<[string, number, string, () => Promise<Response>]>([
    ['another method', 405, 'METHOD_NOT_ALLOWED', () => fetch(url, { headers: { 'Ocp-Apim-Subscription-Key': api.key } })],
    ['no key', 401, 'KEY_MISSING', () => fetch(url, { method: 'POST', body: reference })],
    ['a wrong key', 401, 'KEY_INVALID', () => api.post(url, reference, { 'Ocp-Apim-Subscription-Key': 'cs_wrong' })],
    ['a forged token', 401, 'KEY_INVALID', () => api.post(url, reference, { 'Ocp-Apim-Subscription-Key': '', authorization: 'Bearer cst_e30.AAAA' })],
    ['an unknown endpoint', 404, 'ENDPOINT_NOT_FOUND', () => api.post(url.replace(/cid=.*/, 'cid=01990000-0000-7000-8000-00000000ffff'), reference)],
    ['an endpoint id that is none', 404, 'ENDPOINT_NOT_FOUND', () => api.post(url.replace(/cid=.*/, "cid=' or 1=1"), reference)],
    ['no endpoint id', 404, 'ENDPOINT_NOT_FOUND', () => api.post(url.replace(/\?.*/, ''), reference)],
    ['an unknown path', 404, 'UNKNOWN_PATH', () => api.post(url.replace('/interactive/', '/shouting/'), reference)],
  ])('%s', async (_, status, code, ask) => {
    const response = await ask()
    expect(response.status).toBe(status)
    expect(((await response.json()) as { code: string }).code).toBe(code)
  })

  test('an endpoint that is not Complete yet', async () => {
    const { deployment } = await api.create()
    const response = await api.post(url.replace(/cid=.*/, `cid=${uuidOf(deployment.id)}`), reference)
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ code: 'DEPLOYMENT_NOT_COMPLETE', detail: expect.stringMatching(/QUEUED|PROVISIONING/) })
  })

  test('a key in the query works, as the Speech SDK sends it', async () => {
    const response = await fetch(`${url}&Ocp-Apim-Subscription-Key=${api.key}`, { method: 'POST', body: reference })
    expect(response.status).toBe(200)
  })
})

test('the server still recognizes every sentence after these refusals', async () => {
  for (const { wav: file, text } of librivoxRecordings()) {
    const { DisplayText } = (await (await api.post(url.replace('/interactive/', '/dictation/'), file)).json()) as { DisplayText: string }
    expect(countWordErrors(text, DisplayText).errors).toBeLessThanOrEqual(3)
  }
})

test.each([8_000, 44_100, 48_000])('resampling from %i Hz keeps a tone of 1 kHz and removes what 16 kHz cannot hold', (rate) => {
  const tone = (hertz: number) => Float32Array.from({ length: rate }, (_, n) => Math.sin((2 * Math.PI * hertz * n) / rate))
  const level = (samples: Float32Array) => Math.sqrt(samples.subarray(500, -500).reduce((sum, value) => sum + value * value, 0) / (samples.length - 1000))
  const kept = resample(tone(1000), rate)
  expect(kept.length).toBe(16_000)
  expect(level(kept)).toBeCloseTo(Math.SQRT1_2, 2)
  if (rate > 20_000) expect(level(resample(tone(10_000), rate))).toBeLessThan(0.005)
})

test('an upload that stops half-way is refused', { timeout: 30_000 }, async () => {
  expect(await halfWay).toBe(408)
})
