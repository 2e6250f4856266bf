// A client that genql generates from schema.graphql, type-checked and run against the server.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { createClient as createSocket } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { makeDirectory } from '../support/postgres.ts'
import { openTestService, type Service } from '../support/service.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const home = join(root, 'test/clients/genql')
const generator = join(home, 'node_modules/.bin/genql')

// Its 140 packages are not in the project's own lock file.
const isInstalled = existsSync(generator)
if (!isInstalled && process.env['CI']) throw new Error('genql is not installed: run "npm ci --prefix test/clients/genql".')
if (!isInstalled) console.warn('genql is not installed, so its tests are skipped: run "npm ci --prefix test/clients/genql".')

describe.skipIf(!isInstalled)('genql', () => {
  let api: Service
  let dir: string
  let genql: any
  beforeAll(async () => {
    dir = await makeDirectory()
    const generate = run(generator, ['--schema', join(root, 'schema.graphql'), '--output', join(dir, 'made')], { cwd: home })
    ;[api] = await Promise.all([openTestService({ ROLES: 'api' }), generate])
    genql = await import(join(dir, 'made/index.ts'))
  })
  afterAll(async () => {
    await api.close()
    await rm(dir, { recursive: true, force: true })
  })

  const openClient = () => genql.createClient({ url: `${api.url}/graphql`, headers: { authorization: `Bearer ${api.key}` } })

  test('genql reads a list with all scalars of its nodes', async () => {
    const { models } = await openClient().query({
      models: { __args: { first: 3, where: { isBase: true, locale: 'en-US' } }, totalCount: true, nodes: { __scalar: true } },
    })
    expect(models.totalCount).toBe(4)
    expect(models.nodes).toHaveLength(3)
    expect(models.nodes[0]).toMatchObject({ __typename: expect.stringMatching(/^(Acoustic|Language)Model$/), isBase: true, locale: 'en-US' })
  })

  test('genql distinguishes the members of a mutation’s union', async () => {
    const create = (input: object) =>
      openClient().mutation({
        createDeployment: {
          __args: { input },
          __typename: true,
          on_CreateDeploymentSuccess: { deployment: { id: true, name: true, acousticModel: { scenario: true } } },
          on_ValidationError: { fieldErrors: { path: true, message: true } },
          on_IncompatibleModelsError: { reason: true },
          on_Error: { code: true, message: true },
        },
      })
    const sample = await api.sampleInput()
    expect((await create(sample)).createDeployment).toMatchObject({
      __typename: 'CreateDeploymentSuccess',
      deployment: { name: sample.name, acousticModel: { scenario: 'SEARCH_AND_DICTATION' } },
    })
    expect((await create({ ...sample, name: '' })).createDeployment).toMatchObject({
      __typename: 'ValidationError',
      fieldErrors: [{ path: 'name', message: expect.any(String) }],
    })
    const mixed = { ...sample, name: 'Mixed', acousticModelId: await api.modelId('ACOUSTIC', 'CONVERSATIONAL') }
    expect((await create(mixed)).createDeployment).toMatchObject({
      __typename: 'IncompatibleModelsError',
      reason: expect.any(String),
      code: expect.any(String),
    })
  })

  test('genql throws a GenqlError with the server’s message for an error of the request', async () => {
    const refused = genql.createClient({ url: `${api.url}/graphql`, headers: { authorization: 'Bearer cs_none' } }).query({ viewer: { scopes: true } })
    await expect(refused).rejects.toThrow(/key/)
  })

  test('genql writes a subscription that graphql-ws runs', async () => {
    const { deployment } = await api.create()
    const operation = genql.generateSubscriptionOp({
      deploymentStatusChanged: { __args: { deploymentId: deployment.id }, __typename: true, on_DeploymentStatusChange: { status: true, sequence: true } },
    })
    const socket = createSocket({
      url: `${api.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${api.key}` },
    })
    const statuses: string[] = []
    for await (const { data, errors } of socket.iterate<any>(operation)) {
      expect(errors).toBeUndefined()
      statuses.push(data?.deploymentStatusChanged.status)
      // The first event proves that the subscription runs. The cancelation ends the subscription.
      if (statuses.length === 1) await api.act('cancelDeployment', deployment.id)
    }
    expect(statuses).toEqual(['QUEUED', 'CANCELED'])
    await socket.dispose()
  })

  test('strict TypeScript accepts the types of genql and rejects an unknown field', async () => {
    await writeFile(
      join(dir, 'app.ts'),
      `import { createClient } from './made/index'
const client = createClient({ url: 'https://example.org/graphql' })
export async function create(name: string): Promise<string> {
  const { createDeployment: result } = await client.mutation({ createDeployment: {
    __args: { input: { name, locale: 'en-US', acousticModelId: 'a', languageModelId: 'b' } },
    on_CreateDeploymentSuccess: { __typename: true, deployment: { id: true, status: true, endpoint: { httpUrl: true } } },
    on_ValidationError: { __typename: true, fieldErrors: { path: true } },
  } })
  if (result.__typename === 'CreateDeploymentSuccess') return \`\${result.deployment.status} \${result.deployment.endpoint?.httpUrl ?? ''}\`
  return ''
}
// @ts-expect-error The schema has no such field.
export const wrong = () => client.query({ deployments: { nodes: { nome: true } } })
`,
    )
    const compilerOptions = { strict: true, noEmit: true, module: 'esnext', moduleResolution: 'bundler', target: 'esnext', skipLibCheck: true, types: [] }
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['app.ts'] }))
    await run(process.execPath, [join(root, 'node_modules/.bin/tsc'), '-p', dir]).catch(({ stdout }) => expect(stdout).toBe(''))
  })
})
