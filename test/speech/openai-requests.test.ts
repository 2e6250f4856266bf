// Requests in the notations of OpenAI's clients and of compatible programs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { explainOtherLanguage, isSameLanguage } from '../../src/speech/language.ts'
import { writeWarnings } from '../../src/speech-http/warnings.ts'
import { type Field, fileField, openOpenAi, postForm, reference } from '../support/openai.ts'
import type { Service } from '../support/service.ts'

let api: Service
let endpoint: string
let model: string
beforeAll(async () => {
  ;({ api, endpoint, model } = await openOpenAi())
})
afterAll(() => api.close())

const transcript = /^We walked along the river/

test.each<[string, () => Field[]]>([
  ['the model before the file', () => [['model', model], fileField()]],
  ['the model behind the file', () => [fileField(), ['model', model]]],
  ['capitals in the format', () => [['response_format', 'JSON'], fileField(), ['model', model]]],
  ['blanks around the model', () => [['model', ` ${model} `], fileField()]],
  [
    'empty fields',
    () => [
      ...['response_format', 'language', 'prompt', 'temperature', 'stream', 'timestamp_granularities[]', 'include[]', 'chunking_strategy'].map(
        (name): Field => [name, ''],
      ),
      fileField(),
      ['model', model],
    ],
  ],
  [
    'values that clients write for a missing one',
    () => [['response_format', 'null'], ['language', 'undefined'], ['stream', 'null'], fileField(), ['model', model]],
  ],
  [
    'every field that changes nothing here',
    () => [
      ['temperature', '0.2'],
      ['prompt', 'river, weather'],
      ['keywords[]', 'river'],
      ['chunking_strategy', 'auto'],
      ['user', 'me'],
      ['stream', 'false'],
      fileField(),
      ['model', model],
    ],
  ],
])('%s: transcribed, without a warning', async (_, fields) => {
  expect(await postForm(api, fields())).toMatchObject({ status: 200, warning: null, json: { text: expect.stringMatching(transcript) } })
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
  const { json, warning } = await postForm(api, [...fields, ['response_format', 'Verbose_JSON'], fileField(), ['model', model]])
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
    /needs response_format=verbose_json/,
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
  const { status, warning, text } = await postForm(api, [fileField(), ...fields, ['model', model]])
  expect({ status, warning, text }).toEqual({ status: 200, warning: expect.stringMatching(words), text: expect.stringMatching(/We walked/) })
  expect(warning).toMatch(/^299 - "[ -~]*"$/)
})

test('a verbose response contains the warnings', async () => {
  const { json } = await postForm(api, [fileField(), ['model', model], ['response_format', 'verbose_json'], ['language', 'de'], ['include[]', 'logprobs']])
  expect(json.warnings).toEqual([expect.stringContaining('language=de'), expect.stringContaining('include')])
})

test.each<[string, Field[], string, string]>([
  ['a format of speakers', [['response_format', 'diarized_json']], 'response_format', 'UNKNOWN_FORMAT'],
  ['a granularity that does not exist', [['timestamp_granularities[]', 'letter']], 'timestamp_granularities', 'UNKNOWN_GRANULARITY'],
  ['a stream that is neither true nor false', [['stream', 'maybe']], 'stream', 'INVALID_VALUE'],
])('%s: refused, and the error names the field', async (_, fields, param, code) => {
  const { status, json } = await postForm(api, [fileField(), ['model', model], ...fields])
  expect({ status, error: json.error }).toMatchObject({ status: 400, error: { param, code, type: 'invalid_request_error' } })
})

test('a form with too many fields or too long a field is refused', async () => {
  const many = Array.from({ length: 60 }, (_, n): Field => [`field${n}`, 'x'])
  for (const fields of [many, [['prompt', 'x'.repeat(70_000)] as const]])
    expect(await postForm(api, [...fields, fileField(), ['model', model]])).toMatchObject({ status: 400, json: { error: { code: 'INVALID_FORM' } } })
})

describe('language', () => {
  test.each(['en', 'EN', 'en-US', 'en_US', 'en-GB', 'eng', 'english', 'auto', ''])('%j is that of an en-US endpoint, on both routes', async (language) => {
    expect((await postForm(api, [fileField(), ['model', model], ['language', language]])).warning).toBeNull()
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

  test('one matching language of several is enough', () => {
    expect(explainOtherLanguage('en-US', ['de', 'en'])).toBeUndefined()
    expect(explainOtherLanguage('en-US', ['a"\r\nb'])).toBe('This endpoint recognizes en-US. It ignored language=….')
  })
})

test('the header Warning is ASCII', () => {
  expect(writeWarnings([])).toEqual({})
  expect(writeWarnings(['one "two" ü\r\n…', 'three'])).toEqual({ warning: `299 - "one 'two' ???...", 299 - "three"` })
})
