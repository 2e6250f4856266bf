// Requests as clients of OpenAI's API and the programs that imitate them write them.
import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { explainOtherLanguage, isSameLanguage } from '../../src/speech/language.ts'
import { writeWarnings } from '../../src/speech-http/warnings.ts'
import { openTestService, referenceRecording, type Service } from '../support/service.ts'

let api: Service
let endpoint: string
let model: string
beforeAll(async () => {
  api = await openTestService()
  endpoint = (await api.deployEndpoint('CONVERSATIONAL')).httpUrl
  model = new URL(endpoint).searchParams.get('cid') ?? ''
})
afterAll(() => api.close())

const reference = referenceRecording()
const file = () => ['file', new Blob([reference]), 'speech.wav'] as const
type Field = readonly [name: string, value: string | Blob, filename?: string]

async function send(fields: readonly Field[]) {
  const form = new FormData()
  for (const [name, value, filename] of fields) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, value, filename)
  }
  const response = await fetch(`${api.localUrl}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${api.key}` } })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, warning: response.headers.get('warning'), text, json: isJson ? JSON.parse(text) : undefined }
}

const transcript = /^We walked along the river/

test.each<[string, () => Field[]]>([
  ['the model before the file', () => [['model', model], file()]],
  ['the model behind the file', () => [file(), ['model', model]]],
  ['capitals in the format', () => [['response_format', 'JSON'], file(), ['model', model]]],
  ['blanks around the model', () => [['model', ` ${model} `], file()]],
  [
    'empty fields',
    () => [
      ...['response_format', 'language', 'prompt', 'temperature', 'stream', 'timestamp_granularities[]', 'include[]', 'chunking_strategy'].map(
        (name): Field => [name, ''],
      ),
      file(),
      ['model', model],
    ],
  ],
  ['values that clients write for a missing one', () => [['response_format', 'null'], ['language', 'undefined'], ['stream', 'null'], file(), ['model', model]]],
  [
    'every field that changes nothing here',
    () => [
      ['temperature', '0.2'],
      ['prompt', 'river, weather'],
      ['keywords[]', 'river'],
      ['chunking_strategy', 'auto'],
      ['user', 'me'],
      ['stream', 'false'],
      file(),
      ['model', model],
    ],
  ],
])('%s: transcribed, without a warning', async (_, fields) => {
  expect(await send(fields())).toMatchObject({ status: 200, warning: null, json: { text: expect.stringMatching(transcript) } })
})

test('a file that has no name in the form is transcribed', async () => {
  const boundary = 'x-boundary'
  const part = (head: string, body: Buffer | string) => [`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`, body, '\r\n']
  const body = Buffer.concat(
    [...part('name="file"', reference), ...part('name="model"\r\nContent-Type: application/octet-stream', model), `--${boundary}--\r\n`].map((piece) =>
      Buffer.from(piece),
    ),
  )
  const headers = { authorization: `Bearer ${api.key}`, 'content-type': `multipart/form-data; boundary=${boundary}` }
  const response = await fetch(`${api.localUrl}/v1/audio/transcriptions`, { method: 'POST', body, headers })
  expect(await response.json()).toMatchObject({ text: expect.stringMatching(transcript) })
})

test.each<[string, Field[]]>([
  ['timestamp_granularities', [['timestamp_granularities', 'word']]],
  [
    'timestamp_granularities[]',
    [
      ['timestamp_granularities[]', 'segment'],
      ['timestamp_granularities[]', 'word'],
    ],
  ],
  [
    'timestamp_granularities[0]',
    [
      ['timestamp_granularities[0]', 'word'],
      ['timestamp_granularities[1]', 'segment'],
    ],
  ],
  ['a JSON list', [['timestamp_granularities', '["word","segment"]']]],
  ['a Python list', [['timestamp_granularities[]', "['word', 'segment']"]]],
  ['a list with commas', [['timestamp_granularities', 'segment,Word']]],
])('words have times: %s', async (_, fields) => {
  const { json, warning } = await send([...fields, ['response_format', 'Verbose_JSON'], file(), ['model', model]])
  expect(json.words[0]).toEqual({ word: expect.stringMatching(/^we$/i), start: expect.any(Number), end: expect.any(Number) })
  expect(json).not.toHaveProperty('warnings')
  expect(warning).toBeNull()
})

test.each<[string, Field[], RegExp]>([
  ['log probabilities', [['include[]', 'logprobs']], /include was ignored/],
  [
    'times in another format',
    [
      ['timestamp_granularities[]', 'word'],
      ['response_format', 'text'],
    ],
    /response_format=verbose_json only/,
  ],
  [
    'a strategy of chunks',
    [
      ['chunking_strategy[type]', 'server_vad'],
      ['chunking_strategy[threshold]', '0.5'],
    ],
    /chunking_strategy was ignored/,
  ],
  [
    'names of speakers',
    [
      ['known_speaker_names[]', 'agent'],
      ['known_speaker_references[]', 'x'.repeat(100_000)],
    ],
    /does not distinguish speakers/,
  ],
  ['a second file', [['file', new Blob(['x']), 'second.wav']], /has 2 files/],
  ['another language', [['language', 'de']], /ignored language=de/],
  [
    'other languages',
    [
      ['languages[]', 'de'],
      ['languages[]', 'fr'],
    ],
    /ignored language=de/,
  ],
])('%s: transcribed, with a warning', async (_, fields, words) => {
  const { status, warning, text } = await send([file(), ...fields, ['model', model]])
  expect({ status, warning, text }).toEqual({ status: 200, warning: expect.stringMatching(words), text: expect.stringMatching(/We walked/) })
  expect(warning).toMatch(/^299 - "[ -~]*"$/)
})

test('a verbose answer holds its warnings as well', async () => {
  const { json } = await send([file(), ['model', model], ['response_format', 'verbose_json'], ['language', 'de'], ['include[]', 'logprobs']])
  expect(json.warnings).toEqual([expect.stringContaining('language=de'), expect.stringContaining('include')])
})

test.each<[string, Field[], string, string]>([
  ['a format of speakers', [['response_format', 'diarized_json']], 'response_format', 'UNKNOWN_FORMAT'],
  ['a granularity that does not exist', [['timestamp_granularities[]', 'letter']], 'timestamp_granularities', 'UNKNOWN_GRANULARITY'],
  ['a stream that is neither true nor false', [['stream', 'maybe']], 'stream', 'INVALID_VALUE'],
])('%s: refused, and the error names the field', async (_, fields, param, code) => {
  const { status, json } = await send([file(), ['model', model], ...fields])
  expect({ status, error: json.error }).toMatchObject({ status: 400, error: { param, code, type: 'invalid_request_error' } })
})

test('a form with too many fields, or one that is too long, is refused', async () => {
  const many = Array.from({ length: 60 }, (_, n): Field => [`field${n}`, 'x'])
  for (const fields of [many, [['prompt', 'x'.repeat(70_000)] as const]])
    expect(await send([...fields, file(), ['model', model]])).toMatchObject({ status: 400, json: { error: { code: 'INVALID_FORM' } } })
})

describe('language', () => {
  test.each(['en', 'EN', 'en-US', 'en_US', 'en-GB', 'eng', 'english', 'auto', ''])('%j is that of an en-US endpoint, on both routes', async (language) => {
    expect((await send([file(), ['model', model], ['language', language]])).warning).toBeNull()
    const response = await api.post(`${endpoint}&language=${language}`, reference)
    expect(response.status).toBe(200)
    expect(response.headers.get('warning')).toBeNull()
  })

  test.each([
    ['es', 'es-MX', true],
    ['es-ES', 'es-MX', true],
    ['spanish', 'es-MX', true],
    ['e', 'en-US', false],
    ['enm', 'en-US', false],
    ['fr-EN', 'en-US', false],
    ['%', 'en-US', false],
  ])('%s and %s: %s', (asked, locale, isSame) => {
    expect(isSameLanguage(asked, locale)).toBe(isSame)
  })

  test('one of several is enough', () => {
    expect(explainOtherLanguage('en-US', ['de', 'en'])).toBeUndefined()
    expect(explainOtherLanguage('en-US', ['a"\r\nb'])).toBe('This endpoint recognizes en-US. It ignored language=….')
  })
})

test('warnings are a header of ASCII', () => {
  expect(writeWarnings([])).toEqual({})
  expect(writeWarnings(['one "two" ü\r\n…', 'three'])).toEqual({ warning: `299 - "one 'two' ???...", 299 - "three"` })
})

describe('models', () => {
  const client = () => new OpenAI({ baseURL: `${api.localUrl}/v1`, apiKey: api.key, maxRetries: 0 })
  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: InstanceType<typeof OpenAI.APIError>) => error,
    )

  test('one is read by its id', async () => {
    expect(await client().models.retrieve(model)).toMatchObject({ id: model, object: 'model', created: expect.any(Number), owned_by: 'custom-speech' })
  })

  test.each(['whisper-1', 'gpt-4o-transcribe', '01990000-0000-7000-8000-00000000ffff', 'a/b c'])('%s is unknown, in the words of that API', async (unknown) => {
    const problem = { status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error', message: expect.stringContaining(model) }
    expect(await refusal(client().models.retrieve(unknown))).toMatchObject(problem)
    const error = await refusal(client().audio.transcriptions.create({ model: unknown, file: await toFile(reference, 'speech.wav') }))
    expect(error).toMatchObject(problem)
    expect(error?.message).toContain(unknown)
    expect(error?.message).toContain('/v1/models')
    expect(error?.message).not.toContain('cid')
  })

  test.each<[string, Field[]]>([
    ['missing', []],
    ['empty', [['model', '']]],
  ])('%s: the answer names those that can be used', async (_, fields) => {
    const { status, json } = await send([file(), ...fields])
    expect(status).toBe(404)
    expect(json.error).toMatchObject({ param: 'model', code: 'model_not_found', message: expect.stringContaining(model) })
  })

  test('a key of another workspace sees none of them', async () => {
    const { data } = await api.ask('mutation { createWorkspace(input: { name: "Others" }) { ... on CreateWorkspaceSuccess { secret } } }')
    const stranger = new OpenAI({ baseURL: `${api.localUrl}/v1`, apiKey: data?.createWorkspace.secret, maxRetries: 0 })
    const error = await refusal(stranger.models.retrieve(model))
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', message: expect.stringContaining('no Complete deployment') })
  })
})

test.each([
  ['POST', '/v1/audio/translations', 404, 'does not translate'],
  ['POST', '/v1/audio/speech', 404, 'does not synthesize'],
  ['POST', '/v1/chat/completions', 404, '/v1/audio/transcriptions'],
  ['POST', '/v1/responses', 404, '/v1/audio/transcriptions'],
  ['GET', '/v1', 404, '/v1/models'],
  ['GET', '/v1/files', 404, '/v1/models'],
  ['GET', '/v1/audio/transcriptions', 405, 'POST'],
  ['DELETE', '/v1/models/x', 405, 'GET'],
])('%s %s is refused in the shape of that API', async (method, path, status, words) => {
  const response = await fetch(`${api.localUrl}${path}`, { method, headers: { authorization: `Bearer ${api.key}` } })
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({
    error: { message: expect.stringContaining(words), type: 'invalid_request_error', param: null, code: expect.any(String) },
  })
})

test('HEAD is answered as GET, without a body', async () => {
  const response = await fetch(`${api.localUrl}/v1/models`, { method: 'HEAD', headers: { authorization: `Bearer ${api.key}` } })
  expect(response.status).toBe(200)
  expect(Number(response.headers.get('content-length'))).toBeGreaterThan(10)
})

test('a page may send every header of the OpenAI client', async () => {
  const asked =
    'authorization,content-type,openai-organization,openai-project,x-stainless-arch,x-stainless-helper-method,x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout'
  for (const path of ['/v1/audio/transcriptions', '/v1/models']) {
    const headers = { origin: 'https://page.example', 'access-control-request-method': 'POST', 'access-control-request-headers': asked }
    const response = await fetch(`${api.localUrl}${path}`, { method: 'OPTIONS', headers })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-allow-headers')).toBe(asked)
    expect(response.headers.get('access-control-allow-methods')).toContain('POST')
  }
})
