// What a query costs in a workspace of many deployments, and in a small workspace beside it, next to the same in an empty database.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse, print, separateOperations } from 'graphql'
import postgres from 'postgres'
import { readConfig } from '../src/config.ts'
import { startService } from '../src/main.ts'
import { type Figure, median } from './table.ts'

const rounds = 9
/** More than Postgres takes to settle on a plan for a statement. */
const warmups = 8
const rowsAtOnce = 20_000
const eventsPerRow = 10
/** The largest limit that the service accepts, less what the bench creates. */
const maxRows = 999_900

const { values } = parseArgs({ options: { rows: { type: 'string', default: '100000' } }, strict: false })
const rows = Math.min(Number(values['rows']), maxRows)

/** The dashboard's own operations, each with its fragments. */
const dashboard = separateOperations(
  parse(['deployment', 'workspace'].map((name) => readFileSync(join(import.meta.dirname, `../src/dashboard/${name}.graphql`), 'utf8')).join('\n')),
)

interface Request {
  query: string
  variables?: object
}

interface Side {
  ask(request: Request, key?: string): Promise<Record<string, any>>
  smallKey: string
  input: { locale: string; acousticModelId: string; languageModelId: string }
  deploymentId: string
  close(): Promise<void>
}

/** Settings are those of a process that serves only the API; their database is the server that gets two databases more. */
export async function scale(settings: Record<string, string>): Promise<Figure[]> {
  const filled = await openSide(settings, 'scale_filled', rows)
  const empty = await openSide(settings, 'scale_empty', 0)
  const figures: Figure[] = []
  for (const [what, request, isSmall] of listRequests()) {
    const times = { filled: [] as number[], empty: [] as number[] }
    for (let round = -warmups; round < rounds; round++) {
      for (const [name, side] of [
        ['filled', filled],
        ['empty', empty],
      ] as const) {
        const wanted = request(side)
        const begun = performance.now()
        await side.ask(wanted, isSmall ? side.smallKey : undefined)
        if (round >= 0) times[name].push(performance.now() - begun)
      }
    }
    const [value, baseline] = [median(times.filled), median(times.empty)]
    figures.push({ what, value: `${value.toFixed(1)} ms`, baseline: `${baseline.toFixed(1)} ms`, difference: `${(value - baseline).toFixed(1)} ms` })
  }
  await filled.close()
  await empty.close()
  return figures
}

let created = 0

function listRequests(): [what: string, request: (side: Side) => Request, isSmall?: boolean][] {
  const list = (args: string) => () => ({ query: `{ deployments(first: 20${args}) { nodes { id name status updatedAt } pageInfo { hasNextPage } } }` })
  const count = (args: string) => () => ({ query: `{ deployments${args} { totalCount } }` })
  const own = (operation: string, toVariables: (side: Side) => object = () => ({})) => {
    const document = dashboard[operation]
    if (!document) throw new Error(`the dashboard has no operation ${operation}`)
    const query = print(document)
    return (side: Side) => ({ query, variables: toVariables(side) })
  }
  const order = (field: string) => `, orderBy: { field: ${field}, direction: ASC }`
  const where = (filter: string) => `, where: { ${filter} }`
  const input = (side: Side) => ({ input: { ...side.input, name: `Created ${created++}` } })
  return [
    ['list', list('')],
    ['list by name', list(order('NAME'))],
    ['list by last change', list(order('UPDATED_AT'))],
    ['locale', list(where('locale: "en-US"'))],
    ['locale without deployments', list(where('locale: "es-ES"'))],
    ['status QUEUED, one of 1,000', list(where('statuses: [QUEUED]'))],
    ['statuses and locale', list(where('statuses: [QUEUED, FAILED], locale: "en-US"'))],
    ['model', (side) => list(where(`modelId: "${side.input.acousticModelId}"`))()],
    ['text in one deployment', list(where(`text: "desk ${rows - 7}"`))],
    ['text in all', list(where('text: "front"'))],
    ['text in none', list(where('text: "nowhere"'))],
    ['text of two characters in none', list(where('text: "zq"'))],
    ['totalCount', count('')],
    ['totalCount of a text in all', count('(where: { text: "front" })')],
    ['totalCount of a text in none', count('(where: { text: "nowhere" })')],
    ['statusCounts', () => ({ query: '{ deployments(first: 1) { statusCounts { status count } } }' })],
    ['locales', () => ({ query: '{ locales { code deploymentCount } }' })],
    ['limits', () => ({ query: '{ viewer { limits { deployments { used } models { used } keys { used } } } }' })],
    ['preflight', own('Preflight', input)],
    ['create', own('CreateDeployment', input)],
    ['dashboard: start', own('Start', () => ({ first: 20 }))],
    ['dashboard: deployments', own('Deployments', () => ({ first: 20 }))],
    ['dashboard: deployments by name', own('Deployments', () => ({ first: 20, orderBy: { field: 'NAME', direction: 'ASC' } }))],
    ['dashboard: deployments, text in one', own('Deployments', () => ({ first: 20, where: { text: `desk ${rows - 7}` } }))],
    ['dashboard: deployments, text in all', own('Deployments', () => ({ first: 20, where: { text: 'front' } }))],
    ['dashboard: one deployment', own('Deployment', ({ deploymentId: id }) => ({ id }))],
    ['small workspace: list', list(''), true],
    ['small workspace: by name', list(order('NAME')), true],
    ['small workspace: locale', list(where('locale: "en-US"')), true],
    ['small workspace: status', list(where('statuses: [COMPLETE]')), true],
    ['small workspace: text', list(where('text: "nowhere"')), true],
    ['small workspace: dashboard deployments', own('Deployments', () => ({ first: 20 })), true],
  ]
}

async function openSide(settings: Record<string, string>, database: string, large: number): Promise<Side> {
  const url = new URL(settings['DATABASE_URL'] ?? '')
  const server = postgres(url.href, { max: 1, onnotice: () => {} })
  await server`create database ${server(database)}`
  await server.end()
  url.pathname = `/${database}`
  const service = await startService(readConfig({ ...settings, DATABASE_URL: url.href, ROLES: 'api' }))
  const ask = async (request: Request, key = service.key) => {
    const response = await fetch(`${service.localUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify(request),
    })
    const { data, errors } = (await response.json()) as { data?: Record<string, any>; errors?: unknown }
    if (errors || !data) throw new Error(`${request.query}: ${JSON.stringify(errors)}`)
    if (data['createDeployment']?.code) throw new Error(data['createDeployment'].message)
    return data
  }
  const { models } = await ask({ query: '{ models(where: { locale: "en-US", scenario: CONVERSATIONAL }) { nodes { id kind } } }' })
  const find = (kind: string) => models.nodes.find((model: { kind: string }) => model.kind === kind).id
  const input = { locale: 'en-US', acousticModelId: find('ACOUSTIC'), languageModelId: find('LANGUAGE') }
  const { createWorkspace } = await ask({
    query: 'mutation { createWorkspace(input: { name: "Small" }) { ... on CreateWorkspaceSuccess { secret workspace { id } } } }',
  })
  const sql = postgres(url.href, { max: 1, onnotice: () => {} })
  const [{ id: workspace = '' } = {}] = await sql<{ id: string }[]>`select id from workspaces order by id limit 1`
  for (let from = 0; from < large; from += rowsAtOnce) await fill(sql, workspace, from, Math.min(rowsAtOnce, large - from), input)
  await fill(sql, uuidOf(createWorkspace.workspace.id), 0, 3, input)
  await sql`update workspaces set position = coalesce((select max(position) from deployment_events where workspace_id = workspaces.id), 0)`
  await sql`vacuum analyze`
  await sql.end()
  const made = await ask({ query: print(dashboard['CreateDeployment'] ?? parse('{ __typename }')), variables: { input: { ...input, name: 'The one' } } })
  return { ask, smallKey: createWorkspace.secret, input, deploymentId: made['createDeployment'].deployment.id, close: service.close }
}

const uuidOf = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1] ?? ''

async function fill(sql: postgres.Sql, workspace: string, from: number, count: number, { acousticModelId, languageModelId }: Side['input']) {
  await sql`with made as (
    insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence, progress)
    select ${workspace}, 'Front desk ' || n, 'A row among many', case n % 3 when 0 then 'de-DE' else 'en-US' end, ${uuidOf(acousticModelId)}, ${uuidOf(languageModelId)},
      (case when n % 1000 = 7 then 'QUEUED' when n % 10 = 0 then 'FAILED' else 'COMPLETE' end)::deployment_status, ${eventsPerRow}, 1
    from generate_series(${from}::int, ${from + count - 1}::int) n returning id, locale, status)
    insert into deployment_events (deployment_id, workspace_id, sequence, position, progress, message, locale, status, previous_status)
    select id, ${workspace}, sequence, ${from * eventsPerRow}::bigint + row_number() over (), 1, 'A change among many.', locale, status, status
    from made, generate_series(1, ${eventsPerRow}) sequence`
}
