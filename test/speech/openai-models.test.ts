// The models of OpenAI's API, and the paths and methods that it does not have here.
import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientWith, type Field, fileField, fileOf, openOpenAi, postForm, reference, refusal } from '../support/openai.ts'
import type { Service } from '../support/service.ts'

let api: Service
let client: OpenAI
let model: string
beforeAll(async () => {
  ;({ api, client, model } = await openOpenAi())
})
afterAll(() => api.close())

describe('models', () => {
  test('a model is read by its id', async () => {
    expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: 'model', created: expect.any(Number), owned_by: 'custom-speech' })
  })

  test.each(['whisper-1', 'gpt-4o-transcribe', '01990000-0000-7000-8000-00000000ffff', 'a/b c'])(
    "the model %s is refused with OpenAI's error",
    async (unknown) => {
      const problem = { status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error', message: expect.stringContaining(model) }
      expect(await refusal(client.models.retrieve(unknown))).toMatchObject(problem)
      const error = await refusal(client.audio.transcriptions.create({ model: unknown, file: await fileOf(reference) }))
      expect(error).toMatchObject(problem)
      expect(error?.message).toContain(unknown)
      expect(error?.message).toContain('/v1/models')
      expect(error?.message).not.toContain('cid')
    },
  )

  test.each<[string, Field[]]>([
    ['missing', []],
    ['empty', [['model', '']]],
  ])('a %s model is refused with the list of models', async (_, fields) => {
    const { status, json } = await postForm(api, [fileField(), ...fields])
    expect(status).toBe(404)
    expect(json.error).toMatchObject({ param: 'model', code: 'model_not_found', message: expect.stringContaining(model) })
  })

  test('a key of another workspace sees no models', async () => {
    const { data } = await api.ask('mutation { createWorkspace(input: { name: "Others" }) { ... on CreateWorkspaceSuccess { secret } } }')
    const stranger = clientWith(api, data?.createWorkspace.secret)
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
])("%s %s is refused with OpenAI's error", async (method, path, status, words) => {
  const response = await fetch(`${api.localUrl}${path}`, { method, headers: { authorization: `Bearer ${api.key}` } })
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({
    error: { message: expect.stringContaining(words), type: 'invalid_request_error', param: null, code: expect.any(String) },
  })
})

test('HEAD has the headers of GET and no body', async () => {
  const response = await fetch(`${api.localUrl}/v1/models`, { method: 'HEAD', headers: { authorization: `Bearer ${api.key}` } })
  expect(response.status).toBe(200)
  expect(Number(response.headers.get('content-length'))).toBeGreaterThan(10)
})

test("a page can send every header of OpenAI's client", async () => {
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
