import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { clientWith, fileOf, openOpenAi, reference, refusal } from '../support/openai.ts'
import { librivoxRecordings, referenceText, type Service } from '../support/service.ts'

let api: Service
let client: OpenAI
let model: string
beforeAll(async () => {
  ;({ api, client, model } = await openOpenAi())
})
afterAll(() => api.close())

const errorsIn = (text: string) => countWordErrors(referenceText, text).errors

describe("OpenAI's client transcribes", () => {
  test('as json', async () => {
    const { text } = await client.audio.transcriptions.create({ model, file: await fileOf(reference) })
    expect(errorsIn(text)).toBe(0)
    expect(text).toMatch(/^We .*\.$/)
  })

  test('as text', async () => {
    const text = await client.audio.transcriptions.create({ model, file: await fileOf(reference), response_format: 'text' })
    expect(errorsIn(String(text))).toBe(0)
  })

  test('as verbose json, with segments and words', async () => {
    const long = Buffer.concat([reference.subarray(0, 40), Buffer.alloc(4), ...Array(3).fill(Buffer.concat([reference.subarray(44), Buffer.alloc(48_000)]))])
    const answer = await client.audio.transcriptions.create({
      model,
      file: await fileOf(long),
      response_format: 'verbose_json',
      timestamp_granularities: ['word', 'segment'],
    })
    expect(answer).toMatchObject({ task: 'transcribe', language: 'english' })
    expect(answer.duration).toBeCloseTo((long.length - 44) / 32_000, 1)
    expect(answer.segments).toHaveLength(3)
    const [first, second] = answer.segments ?? []
    expect(second?.start).toBeGreaterThan(first?.end ?? 0)
    expect(errorsIn(first?.text ?? '')).toBe(0)
  })

  test('as subtitles', async () => {
    const of = async (response_format: 'srt' | 'vtt') =>
      String(await client.audio.transcriptions.create({ model, file: await fileOf(reference), response_format }))
    expect(await of('srt')).toMatch(/^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nWe walked .*\n/)
    expect(await of('vtt')).toMatch(/^WEBVTT\n\n00:00:00\.\d{3} --> 00:00:0\d\.\d{3}\nWe walked .*\n/)
  })

  test('of many sentences', async () => {
    const recordings = librivoxRecordings()
    const whole = Buffer.concat([reference.subarray(0, 40), Buffer.alloc(4), ...recordings.flatMap(({ wav }) => [wav.subarray(44), Buffer.alloc(32_000)])])
    const { text } = await client.audio.transcriptions.create({ model, file: await fileOf(whole), language: 'en', prompt: 'Elinor, Marianne' })
    expect(countWordErrors(recordings.map((one) => one.text).join(' '), text).errors).toBeLessThanOrEqual(6)
  })
})

test('the server ignores a file field with another name', async () => {
  const form = new FormData()
  form.set('cover', new Blob([Buffer.alloc(300_000)]), 'cover.png')
  form.set('file', new Blob([reference]), 'speech.wav')
  form.set('model', model)
  const response = await fetch(`${api.localUrl}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${api.key}` } })
  expect(await response.json()).toMatchObject({ text: expect.stringContaining('the river') })
})

test('the list of models contains the Complete deployments', async () => {
  const models = await client.models.list()
  expect(models.data).toMatchObject([{ id: model, object: 'model', owned_by: 'custom-speech' }])
})

describe("OpenAI's client reads the error of", () => {
  test('a wrong key', async () => {
    const stranger = clientWith(api, 'cs_wrong-wrong-wrong-wrong-wrong')
    expect(await refusal(stranger.models.list())).toMatchObject({ status: 401, code: 'KEY_INVALID' })
    expect(await refusal(stranger.audio.transcriptions.create({ model, file: await fileOf(reference) }))).toMatchObject({ status: 401, code: 'KEY_INVALID' })
  })

  test('an unknown model', async () => {
    const error = await refusal(client.audio.transcriptions.create({ model: 'whisper-1', file: await fileOf(reference) }))
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
  })

  test('a file that is not a recording', async () => {
    const error = await refusal(client.audio.transcriptions.create({ model, file: await fileOf(Buffer.from('hello '.repeat(100))) }))
    expect(error).toMatchObject({ status: 415, code: 'UNSUPPORTED_AUDIO' })
  })

  test('a body that is not a form, an incomplete form and a form without a file', async () => {
    const post = (body: string, type: string) =>
      fetch(`${api.localUrl}/v1/audio/transcriptions`, { method: 'POST', body, headers: { authorization: `Bearer ${api.key}`, 'content-type': type } })
    for (const [body, type] of [
      ['{}', 'application/json'],
      ['--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc', 'multipart/form-data; boundary=x'],
      ['--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nabc\r\n--x--\r\n', 'multipart/form-data; boundary=x'],
      ['', 'multipart/form-data'],
    ] as const) {
      const response = await post(body, type)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: { code: 'INVALID_FORM', type: 'invalid_request_error' } })
    }
  })

  test('a file of more than 25 MB', async () => {
    const error = await refusal(client.audio.transcriptions.create({ model, file: await fileOf(Buffer.alloc(26 << 20)) }))
    expect(error).toMatchObject({ status: 413, code: 'FILE_TOO_LARGE' })
  })

  test('an unknown format', async () => {
    const error = await refusal(client.audio.transcriptions.create({ model, file: await fileOf(reference), response_format: 'xml' as 'json' }))
    expect(error).toMatchObject({ status: 400, code: 'UNKNOWN_FORMAT' })
  })
})
