// The product beside the same API in other servers and by hand, on the same rows: in turn, in many short rounds.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { checkAnswers } from './graphql/answers.ts'
import { type Case, cases } from './graphql/documents.ts'
import { fillRows, type Rows, type Workspace } from './graphql/rows.ts'
import { byHand, installPeers, type OpenServers, openServers, type Server } from './graphql/servers.ts'
import type { Load, LoadMeasured } from './load.ts'
import { postgresCpu, postmasterPid, processCpu } from './process-cpu.ts'
import { median } from './table.ts'

export interface GraphqlBenchOptions {
  rounds: number
  seconds: number
}

interface Round extends LoadMeasured {
  apiCpu: number
  postgresCpu: number
}

export async function graphql(settings: NodeJS.ProcessEnv & { DATABASE_URL: string }, postgresDir: string, options: GraphqlBenchOptions): Promise<void> {
  installPeers()
  const servers = await openServers(settings)
  const rows = await fillRows(settings.DATABASE_URL, await createWorkspaces(servers.product))
  const generator = fork(join(import.meta.dirname, 'load.ts'))
  try {
    const all = [...servers.peers, servers.product]
    await checkAnswers(all, rows)
    console.log(`All ${all.length} servers give the same answers. ${options.rounds} rounds of ${options.seconds} s; load average ${loadavg()[0]?.toFixed(1)}`)
    for (const one of cases) printCase(one, await measureCase(one, all, rows, generator, postmasterPid(postgresDir), options))
    console.log(`Load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`)
  } finally {
    generator.kill()
    await rows.close()
    await servers.close()
  }
}

/** The first workspace and seven more, each with a key. */
async function createWorkspaces({ key, url }: OpenServers['product']): Promise<Workspace[]> {
  const ask = async (query: string) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })
    return ((await response.json()) as { data: any }).data
  }
  const toId = (nodeId: string) => Buffer.from(nodeId, 'base64').toString().split(':')[1] ?? ''
  const workspaces = [{ id: toId((await ask('{ viewer { workspace { id } } }')).viewer.workspace.id), key }]
  for (let number = 2; number <= 8; number++) {
    const { createWorkspace } = await ask(
      `mutation { createWorkspace(input: { name: "Bench ${number}" }) { ... on CreateWorkspaceSuccess { secret workspace { id } } } }`,
    )
    workspaces.push({ id: toId(createWorkspace.workspace.id), key: createWorkspace.secret })
  }
  return workspaces
}

async function measureCase(
  { operation, connections, workspaces }: Case,
  servers: Server[],
  rows: Rows,
  generator: ChildProcess,
  postmaster: number,
  { rounds, seconds }: GraphqlBenchOptions,
): Promise<Map<Server, Round[]>> {
  const senders = rows.workspaces.slice(0, workspaces)
  const measured = new Map(servers.map((server) => [server, [] as Round[]]))
  const stopped = once(generator, 'exit').then(() => Promise.reject(new Error('The load generator ended. Its message is above.')))
  stopped.catch(() => {})
  const measure = async (server: Server, seconds: number): Promise<Round> => {
    const load: Load = { url: server.url, senders: senders.map(server.toHeaders), bodies: server.toBodies(operation, rows), connections, seconds }
    const [api, postgres] = [processCpu(server.pid), postgresCpu(postmaster)]
    generator.send(load)
    const [result] = (await Promise.race([once(generator, 'message'), stopped])) as [LoadMeasured]
    const round = { ...result, apiCpu: processCpu(server.pid) - api, postgresCpu: postgresCpu(postmaster) - postgres }
    if (operation === 'Create') await rows.removeCreated()
    return round
  }
  for (const server of servers) await measure(server, seconds)
  for (let round = 0; round < rounds; round++) {
    // Every other round goes backward, so that a machine that becomes slower is slower for all.
    for (const server of round % 2 ? servers.toReversed() : servers) measured.get(server)?.push(await measure(server, seconds))
  }
  return measured
}

function printCase({ title }: Case, measured: Map<Server, Round[]>): void {
  const limit = [...measured].find(([{ name }]) => name === byHand)?.[1] ?? []
  const table = [...measured].map(([{ name }, rounds]) => {
    const ratios = rounds.map(({ perSecond }, round) => perSecond / (limit[round]?.perSecond ?? Number.NaN))
    const sum = (value: (round: Round) => number) => rounds.reduce((total, round) => total + value(round), 0)
    const microseconds = (value: (round: Round) => number) => Math.round((sum(value) / sum(({ answers }) => answers)) * 1e6)
    const failed = sum(({ failures }) => failures)
    const row = {
      'requests/s': Math.round(median(rounds.map(({ perSecond }) => perSecond))),
      'of by hand': `${median(ratios).toFixed(2)} [${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}]`,
      'p99 ms': median(rounds.map(({ p99 }) => p99)).toFixed(1),
      'API CPU µs': microseconds(({ apiCpu }) => apiCpu),
      'Postgres CPU µs': microseconds(({ postgresCpu }) => postgresCpu),
      'generator CPU': `${Math.round(median(rounds.map(({ cpuShare }) => cpuShare)) * 100)} %`,
    }
    return [name, failed ? { ...row, failed } : row]
  })
  console.log(`\n${title}`)
  console.table(Object.fromEntries(table))
}
