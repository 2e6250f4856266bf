// The API beside the same queries done by hand: node:http, one prepared statement of postgres.js, JSON.stringify.
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import type { RunningService } from '../src/main.ts'
import { type Figure, median } from './table.ts'

const rows = 2000
const rounds = 3

interface Measured {
  perSecond: number
  p99: number
  failures: number
}

const deploymentFields = 'id name description status stage progress createdAt updatedAt'
const documents = {
  list20: `query List { deployments(first: 20) { nodes { ${deploymentFields} } pageInfo { hasNextPage endCursor } } }`,
  list50: `query Nested { deployments(first: 50) { nodes { ${deploymentFields} acousticModel { id name scenario } languageModel { id name scenario } endpoint { httpUrl webSocketUrl } } pageInfo { hasNextPage endCursor } } }`,
  single: `query Single($id: ID!) { deployment(id: $id) { ${deploymentFields} acousticModel { id name } languageModel { id name } endpoint { httpUrl webSocketUrl } } }`,
  create:
    'mutation Create($input: CreateDeploymentInput!) { createDeployment(input: $input) { __typename ... on CreateDeploymentSuccess { deployment { id status } } ... on Error { message } } }',
}

export async function graphql(service: RunningService, databaseUrl: string): Promise<Figure[]> {
  const sql = postgres(databaseUrl, { max: 6, onnotice: () => {} })
  const { ids, models, workspace } = await fill(sql)
  const byHand = await openByHand(sql, workspace)
  const headers = { authorization: `Bearer ${service.key}` }
  const input = () => ({
    name: 'Made %n',
    locale: 'en-US',
    acousticModelId: nodeId('AcousticModel', models.acoustic),
    languageModelId: nodeId('LanguageModel', models.language),
  })
  const bodies: Record<keyof typeof documents, () => object[]> = {
    list20: () => [{ query: documents.list20 }],
    list50: () => [{ query: documents.list50 }],
    single: () => ids.slice(0, 200).map((id) => ({ query: documents.single, variables: { id: nodeId('Deployment', id) } })),
    create: () => [{ query: documents.create, variables: { input: input() } }],
  }
  const figures: Figure[] = []
  for (const what of ['list20', 'list50', 'single', 'create'] as const) {
    const [ours, theirs]: [Measured[], Measured[]] = [[], []]
    for (let round = 0; round < (what === 'create' ? 1 : rounds); round++) {
      ours.push(await load({ url: `${service.localUrl}/graphql`, headers, bodies: bodies[what]().map((body) => JSON.stringify(body)) }))
      const plain =
        what === 'single'
          ? ids.slice(0, 200).map((id) => JSON.stringify({ id }))
          : what === 'create'
            ? bodies.create().map((body) => JSON.stringify(body))
            : ['{}']
      theirs.push(await load({ url: `${byHand.url}/${what}`, headers: {}, bodies: plain }))
    }
    const rate = (all: Measured[]) => median(all.map(({ perSecond }) => perSecond))
    const p99 = (all: Measured[]) => median(all.map((one) => one.p99))
    const failed = ours.concat(theirs).reduce((sum, { failures }) => sum + failures, 0)
    figures.push({
      what: `${what}: requests per second${failed ? ` (${failed} failed)` : ''}`,
      value: `${rate(ours).toFixed(0)}, p99 ${p99(ours).toFixed(1)} ms`,
      baseline: `by hand ${rate(theirs).toFixed(0)}, p99 ${p99(theirs).toFixed(1)} ms`,
      ratio: (rate(ours) / rate(theirs)).toFixed(2),
    })
  }
  await byHand.close()
  await sql.end()
  return figures
}

const nodeId = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')

async function load(load: { url: string; headers: Record<string, string>; bodies: string[] }): Promise<Measured> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, 'load.ts'), JSON.stringify({ ...load, connections: 16, seconds: 4 })],
    { maxBuffer: 1e8 },
  )
  return JSON.parse(stdout)
}

async function fill(sql: postgres.Sql) {
  const found = await sql`select id, kind from models where scenario = 'CONVERSATIONAL'`
  const [acoustic, language] = ['ACOUSTIC', 'LANGUAGE'].map((kind) => found.find((model) => model.kind === kind)?.id as string)
  const [{ id: workspace = '' } = {}] = await sql<{ id: string }[]>`select id from workspaces order by id limit 1`
  const made = await sql<
    { id: string }[]
  >`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence, progress)
    select ${workspace}, 'Filled ' || n, 'A row among many', 'en-US', ${acoustic ?? ''}, ${language ?? ''}, 'COMPLETE', 1, 1 from generate_series(1, ${rows}) n returning id`
  await sql`analyze deployments`
  return { ids: made.map(({ id }) => id), models: { acoustic: acoustic ?? '', language: language ?? '' }, workspace }
}

async function openByHand(sql: postgres.Sql, workspace: string) {
  const joined = sql`d.*, a.name as acoustic_name, a.scenario as acoustic_scenario, l.name as language_name, l.scenario as language_scenario from deployments d
    join models a on a.id = d.acoustic_model_id join models l on l.id = d.language_model_id`
  const endpoint = (id: string) => ({ httpUrl: `http://host/speech?cid=${id}`, webSocketUrl: `ws://host/speech?cid=${id}` })
  const answers: Record<string, (body: any) => Promise<unknown>> = {
    '/list20': () =>
      sql`select id, name, description, status, stage, progress, created_at, updated_at from deployments where workspace_id = ${workspace} order by id desc limit 21`,
    '/list50': async () =>
      (await sql`select ${joined} where d.workspace_id = ${workspace} order by d.id desc limit 51`).map((row) => ({ ...row, endpoint: endpoint(row.id) })),
    '/single': async ({ id }) =>
      (await sql`select ${joined} where d.workspace_id = ${workspace} and d.id = ${id}`).map((row) => ({ ...row, endpoint: endpoint(row.id) })),
    '/create': async ({ variables: { input } }) => {
      const [acoustic, language] = [input.acousticModelId, input.languageModelId].map((id: string) => Buffer.from(id, 'base64').toString().split(':')[1] ?? '')
      return sql.begin(async (tx) => {
        const [row] = await tx`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence)
          values (${workspace}, ${`${input.name} ${crypto.randomUUID()}`}, '', ${input.locale}, ${acoustic ?? ''}, ${language ?? ''}, 'QUEUED', 1) returning id, status`
        return row
      })
    },
  }
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += chunk
    })
    request.on('end', async () => {
      const body = JSON.stringify({ data: await answers[request.url ?? '']?.(JSON.parse(text)) })
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
