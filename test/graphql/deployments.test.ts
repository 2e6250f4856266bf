import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countWordErrors, wordErrorRate } from '../../src/decoding/word-errors.ts'
import { collect, librivoxRecordings, openTestService, referenceRecording, referenceText, type Service, type StatusChange } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService()
})
afterAll(() => api.close())

describe('a complete deployment', () => {
  test('a deployment is created, watched until it is complete, and recognizes speech at its URL', async () => {
    const { __typename, deployment } = await api.create(await api.sampleInput('CONVERSATIONAL'))
    expect(__typename).toBe('CreateDeploymentSuccess')
    expect(deployment).toMatchObject({ status: 'QUEUED', progress: 0, stage: null, endpoint: null, acousticModel: { name: 'Conversational' } })

    const changes = await collect(api.watch(deployment.id))
    const last = changes.at(-1) as StatusChange
    expect(sequences(changes)).toEqual(range(changes[0]?.sequence ?? 0, last.sequence))
    expect(changes.map((change) => change.stage)).toEqual(expect.arrayContaining(['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING', null]))
    expect(changes.map((change) => change.progress)).toEqual(changes.map((change) => change.progress).toSorted((a, b) => a - b))
    expect(last).toMatchObject({ status: 'COMPLETE', isTerminal: true, progress: 1 })
    const endpoint = last.deployment.endpoint
    expect(endpoint?.webSocketUrl).toBe(endpoint?.httpUrl.replace('http', 'ws'))

    const counts = []
    for (const { wav, text } of librivoxRecordings()) {
      const response = await api.post(endpoint?.httpUrl ?? '', wav)
      expect(response.status).toBe(200)
      const answer = (await response.json()) as { RecognitionStatus: string; DisplayText: string }
      expect(answer.RecognitionStatus).toBe('Success')
      counts.push(countWordErrors(text, answer.DisplayText))
    }
    expect(wordErrorRate(counts)).toBeLessThan(0.05)
  })

  test('a complete deployment contains the transcript that its endpoint returned', async () => {
    const last = await api.deploy()
    const { data } = await api.ask(
      'query ($id: ID!) { deployment(id: $id) { verification { url referenceText transcript latencyMs audioMs webSocketUrl webSocketTranscript webSocketLatencyMs } } }',
      {
        id: last.deployment.id,
      },
    )
    expect(data?.deployment.verification).toMatchObject({ referenceText, audioMs: 3055 })
    expect(countWordErrors(referenceText, data?.deployment.verification.transcript)).toMatchObject({ errors: 0, words: 10 })
    expect(data?.deployment.verification.url).toContain(last.deployment.endpoint?.id)
    // The WebSocket URL has returned the same transcript.
    expect(data?.deployment.verification).toMatchObject({
      webSocketUrl: last.deployment.endpoint?.webSocketUrl,
      webSocketTranscript: data?.deployment.verification.transcript,
      webSocketLatencyMs: expect.any(Number),
    })
  })

  test('the detailed format contains the best reading with its confidence', async () => {
    const { deployment } = await api.deploy()
    const response = await api.post(`${deployment.endpoint?.httpUrl}&format=detailed`, referenceRecording())
    const answer = (await response.json()) as { NBest: { Confidence: number; Lexical: string; Display: string }[]; Duration: number; Offset: number }
    expect(answer.NBest[0]).toMatchObject({
      Lexical: 'we walked along the river and talked about the weather',
      Display: 'We walked along the river and talked about the weather',
    })
    expect(answer.NBest[0]?.Confidence).toBeGreaterThan(0.5)
    expect(answer.Offset + answer.Duration).toBeLessThanOrEqual(31_000_000)
    expect(response.headers.get('x-deployment-id')).toBe(deployment.endpoint?.id)
  })
})

describe('createDeployment refuses', () => {
  test('createDeployment refuses models of different scenarios and returns the models that fit', async () => {
    const refused = await api.create({ acousticModelId: await api.modelId('ACOUSTIC', 'CONVERSATIONAL') })
    expect(refused).toMatchObject({
      __typename: 'IncompatibleModelsError',
      code: 'MODELS_INCOMPATIBLE',
      reason: 'SCENARIO_MISMATCH',
      acousticModel: { name: 'Conversational' },
      languageModel: { name: 'Search and Dictation' },
      compatibleAcousticModels: [{ name: 'Search and Dictation', scenario: 'SEARCH_AND_DICTATION' }],
      compatibleLanguageModels: [{ name: 'Conversational', scenario: 'CONVERSATIONAL' }],
    })
    expect(refused.message).toContain('Choose two models of the same scenario')
  })

  test.each([
    ['an invalid id', 'garbage'],
    ['an id without a model', Buffer.from('AcousticModel:01990000-0000-7000-8000-00000000ffff').toString('base64')],
    ['an id that is not a UUID', Buffer.from("AcousticModel:' or 1=1").toString('base64')],
  ])('%s as a model id', async (_, acousticModelId) => {
    expect(await api.create({ acousticModelId })).toMatchObject({ __typename: 'ModelNotFoundError', code: 'MODEL_NOT_FOUND', path: 'acousticModelId' })
  })

  test('createDeployment refuses an acoustic model as languageModelId', async () => {
    const refused = await api.create({ languageModelId: await api.modelId('ACOUSTIC') })
    expect(refused).toMatchObject({ __typename: 'ModelNotFoundError', path: 'languageModelId' })
  })

  test('createDeployment refuses a taken name in any case', async () => {
    const { deployment } = await api.create({ name: 'Straße 7' })
    expect(deployment.name).toBe('Straße 7')
    expect(await api.create({ name: ' STRAßE 7 ' })).toMatchObject({
      __typename: 'DuplicateDeploymentNameError',
      code: 'DUPLICATE_DEPLOYMENT_NAME',
      path: 'name',
    })
  })

  test('createDeployment returns all invalid fields at once', async () => {
    const refused = await api.create({ name: '  ', description: 'x'.repeat(1001), locale: 'tlh' })
    expect(refused.__typename).toBe('ValidationError')
    expect(refused.fieldErrors.map((error: { path: string }) => error.path)).toEqual(['name', 'description', 'locale'])
    expect(refused.fieldErrors[2].message).toContain('en-US')
  })

  test.each([
    ['a NUL', 'a\u0000b'],
    ['a lone surrogate', 'a\uD800'],
    ['an override of direction', 'a\u202Egnp.exe'],
    ['a line break', 'a\nb'],
    ['nine combining marks', `a${'\u0301'.repeat(9)}b`],
    ['101 characters', 'x'.repeat(101)],
    ['only invisible characters', '\u200B\u200B'],
  ])('a name with %s', async (_, name) => {
    expect(await api.create({ name })).toMatchObject({ __typename: 'ValidationError', fieldErrors: [{ path: 'name' }] })
  })
})

describe('lists', () => {
  test('listed models contain their kind, locale and scenario', async () => {
    const { data } = await api.ask(
      '{ models { totalCount nodes { __typename id name kind locale scenario isBase license } } locales { code name baseAcousticModelCount baseLanguageModelCount } }',
    )
    expect(data?.models.totalCount).toBe(8)
    expect(data?.models.nodes).toContainEqual(
      expect.objectContaining({ __typename: 'AcousticModel', name: 'Conversational', kind: 'ACOUSTIC', locale: 'en-US', isBase: true, license: 'MIT' }),
    )
    expect(data?.locales).toEqual([
      { code: 'en-US', name: 'English (United States)', baseAcousticModelCount: 2, baseLanguageModelCount: 2 },
      { code: 'es-ES', name: 'Spanish (Spain)', baseAcousticModelCount: 1, baseLanguageModelCount: 1 },
      { code: 'es-MX', name: 'Spanish (Mexico)', baseAcousticModelCount: 1, baseLanguageModelCount: 1 },
    ])
  })

  test('deployments are listed newest first, page by page in both directions', async () => {
    const names = ['Page A', 'Page B', 'Page C']
    for (const name of names) await api.create({ name })
    const page =
      'query ($first: Int, $after: String, $last: Int, $before: String) { deployments(first: $first, after: $after, last: $last, before: $before) { totalCount nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }'
    const first = (await api.ask(page, { first: 2 })).data?.deployments
    expect(first.nodes).toEqual([{ name: 'Page C' }, { name: 'Page B' }])
    expect(first.totalCount).toBeGreaterThanOrEqual(3)
    const second = (await api.ask(page, { first: 1, after: first.pageInfo.endCursor })).data?.deployments
    expect(second).toMatchObject({ nodes: [{ name: 'Page A' }], pageInfo: { hasPreviousPage: true } })
    const back = (await api.ask(page, { last: 2, before: second.pageInfo.startCursor })).data?.deployments
    expect(back).toMatchObject({ nodes: first.nodes, pageInfo: { hasNextPage: true, hasPreviousPage: false } })
  })

  test.each([
    [{ first: 101 }, 'INVALID_PAGE'],
    [{ first: -1 }, 'INVALID_PAGE'],
    [{ first: 2147483647 }, 'INVALID_PAGE'],
    [{ after: 'garbage' }, 'INVALID_CURSOR'],
  ])('the page %j is a clear error', async (variables, code) => {
    const { errors } = await api.ask('query ($first: Int, $after: String) { deployments(first: $first, after: $after) { nodes { id } } }', variables)
    expect(errors?.[0]?.extensions?.code).toBe(code)
  })

  test.each(['garbage', Buffer.from('Deployment:01990000-0000-7000-8000-000000000001').toString('base64'), ''])(
    'the deployment %j does not exist',
    async (id) => {
      expect(await api.ask('query ($id: ID!) { deployment(id: $id) { name } }', { id })).toEqual({ data: { deployment: null } })
    },
  )
})

const sequences = (changes: StatusChange[]) => changes.map((change) => change.sequence)
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
