import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { clientWith, fileOf, openOpenAi, reference, refusal } from '../support/openai.ts'
import { referenceText, type Service } from '../support/service.ts'

let api: Service
let client: OpenAI
let model: string
beforeAll(async () => {
  ;({ api, client, model } = await openOpenAi())
})
afterAll(() => api.close())

/** The reference sentence so many times, with pauses between. */
function repeated(times: number): Buffer {
  const one = Buffer.concat([reference.subarray(44), Buffer.alloc(48_000)])
  return Buffer.concat([reference.subarray(0, 40), Buffer.alloc(4), ...Array(times).fill(one)])
}

async function stream(wav: Buffer, more: object = {}) {
  const events: OpenAI.Audio.TranscriptionStreamEvent[] = []
  for await (const event of await client.audio.transcriptions.create({ model, file: await fileOf(wav), stream: true, ...more })) events.push(event)
  return events
}

describe("with stream: true OpenAI's client receives events", () => {
  test('a delta for each phrase, and the whole text at the end', async () => {
    const events = await stream(repeated(3))
    const deltas = events.filter((event) => event.type === 'transcript.text.delta').map(({ delta }) => delta)
    expect(deltas).toHaveLength(3)
    for (const delta of deltas) expect(countWordErrors(referenceText, delta).errors).toBe(0)
    expect(events.at(-1)).toEqual({ type: 'transcript.text.done', text: deltas.join(''), usage: { type: 'duration', seconds: expect.any(Number) } })
    expect(deltas.join('')).toMatch(/^We walked .*weather\. We walked .*weather\. We walked .*weather\.$/)
  })

  test('of one phrase', async () => {
    const [first, last, ...more] = await stream(reference, { response_format: 'text', include: [] })
    expect(first).toMatchObject({ type: 'transcript.text.delta' })
    expect(last).toMatchObject({ type: 'transcript.text.done', text: expect.stringMatching(/^We walked/) })
    expect(more).toEqual([])
  })

  test('of silence: an empty text', async () => {
    const silence = Buffer.concat([reference.subarray(0, 40), Buffer.alloc(4), Buffer.alloc(64_000)])
    expect(await stream(silence)).toMatchObject([{ type: 'transcript.text.done', text: '' }])
  })

  test('in the documented format', async () => {
    const form = new FormData()
    form.set('stream', 'True')
    form.set('file', new Blob([reference]), 'speech.wav')
    form.set('model', model)
    const response = await fetch(`${api.localUrl}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${api.key}` } })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(response.headers.get('x-deployment-id')).toBe(model)
    expect(await response.text()).toMatch(
      /^data: \{"type":"transcript\.text\.delta","delta":"We .*"\}\n\ndata: \{"type":"transcript\.text\.done","text":"We .*\}\n\n$/,
    )
  })
})

test('stream: false has the same result as no stream field', async () => {
  const { text } = await client.audio.transcriptions.create({ model, file: await fileOf(reference), stream: false })
  expect(countWordErrors(referenceText, text).errors).toBe(0)
})

describe('an error before the first event is a plain JSON response:', () => {
  test('a file that is not a recording', async () => {
    expect(await refusal(stream(Buffer.from('hello '.repeat(100))))).toMatchObject({ status: 415, code: 'UNSUPPORTED_AUDIO' })
  })

  test.each(['verbose_json', 'srt', 'vtt'])('the format %s', async (response_format) => {
    expect(await refusal(stream(reference, { response_format }))).toMatchObject({ status: 400, param: 'response_format', code: 'UNSUPPORTED_FORMAT' })
  })
})

test("an error after the first event is an event that OpenAI's client throws", async () => {
  const { data } = await api.ask(
    'mutation { createKey(input: { name: "Short-lived", scopes: [RECOGNIZE] }) { ... on CreateKeySuccess { key { id } secret } } }',
  )
  const { key, secret } = data?.['createKey'] ?? {}
  const short = clientWith(api, secret)
  const events = await short.audio.transcriptions.create({ model, file: await fileOf(repeated(100)), stream: true })
  const seen: string[] = []
  const error = await refusal(
    (async () => {
      for await (const event of events) {
        if (!seen.length) await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id: key.id })
        seen.push(event.type)
      }
    })(),
  )
  expect(seen).toContain('transcript.text.delta')
  expect(seen).not.toContain('transcript.text.done')
  expect(error).toMatchObject({ code: 'KEY_REVOKED', type: 'invalid_request_error', message: expect.stringContaining('revoked') })
})
