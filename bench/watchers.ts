// Subscribers of different deployments: their memory, their cost at rest and for a change, and a replay.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { getColumns, sql } from 'drizzle-orm'
import { WebSocket } from 'ws'
import { recordChange } from '../src/domain/deployment-lifecycle.ts'
import { openLog } from '../src/log.ts'
import { openClient } from '../src/postgres/client.ts'
import { deployments } from '../src/postgres/deployment-tables.ts'
import { createDeployment } from './fan-out.ts'
import { type Figure, median, milliseconds } from './table.ts'

const watchers = 2000
const rounds = 40
const replayed = 1000
/** Covers one period of the check for lost notifications. */
const idleMs = 32_000

const fields = 'sequence cursor status stage progress message occurredAt deployment { id name status endpoint { httpUrl } }'
const query = `subscription ($id: ID!) { deploymentStatusChanged(deploymentId: $id) { ... on DeploymentStatusChange { ${fields} } } }`
const queryOfAll = `subscription ($after: String) { deploymentStatusChanged(after: $after) { ... on DeploymentStatusChange { ${fields} } } }`

/** `settings` are those of a process that serves only the API. The database already has the catalog. */
export async function differentWatchers(settings: Record<string, string>): Promise<Figure[]> {
  const api = await start('fan-out-server.ts', { ...settings, ROLES: 'api', MAX_SOCKETS_PER_KEY: '100000' })
  const { url, key } = api.ready as { url: string; key: string }
  const { db, close } = openClient(settings['DATABASE_URL'] ?? '', openLog('error'))
  const figures: Figure[] = []
  const note = (what: string, value: string) => figures.push({ what: `${watchers} watchers of ${watchers} deployments: ${what}`, value })
  try {
    const { ids, workspaceId } = await copyDeployments(db, await createDeployment(url, key))
    const move = (tx: Pick<typeof db, 'execute'>, id = '') =>
      recordChange(tx as typeof db, { deploymentId: id, workspaceId, attempt: 1 }, { status: 'PROVISIONING', stage: 'LOADING', message: 'Loading the models.' })
    const open = (count: number) => gather(url, key, ids.slice(0, count))

    // The first subscribers leave compiled code and other shared memory behind, which must not count.
    await end(await open(500))
    const rest = async () => {
      const [transactions, cpu] = [await transactionsOf(db), await cpuOf(api.child)]
      await delay(idleMs)
      return { transactions: (await transactionsOf(db)) - transactions, cpu: ((await cpuOf(api.child)) - cpu) / idleMs / 0.01 }
    }
    const idle = await rest()
    const [heap, memory] = [await heapOf(api.child), await memoryOf(api.child)]
    const crowd = await open(watchers)
    note('heap of each', `${(((await heapOf(api.child)) - heap) / watchers / 1000).toFixed(1)} kB`)
    note('memory (PSS) of each', `${(((await memoryOf(api.child)) - memory) / watchers / 1000).toFixed(1)} kB`)

    const busy = await rest()
    note('transactions in 32 s of rest', `${busy.transactions} (without subscribers: ${idle.transactions})`)
    note('CPU of a core at rest', `${busy.cpu.toFixed(2)} % (without subscribers: ${idle.cpu.toFixed(2)} %)`)

    const delays: number[] = []
    for (let round = 0; round < rounds; round++) {
      await tell(crowd, { expect: 1 })
      const heard = once(crowd, 'message')
      const begun = process.hrtime.bigint()
      await move(db, ids[round * 7])
      const [{ at }] = (await heard) as [{ at: string }]
      delays.push(Number(BigInt(at) - begun) / 1e6)
    }
    note('one changes, to its watcher, p50', milliseconds(median(delays)))

    await tell(crowd, { expect: watchers })
    const heard = once(crowd, 'message')
    const [before, begun] = [await cpuOf(api.child), { at: 0n }]
    await db.transaction(async (tx) => {
      for (const id of ids) await move(tx, id)
      begun.at = process.hrtime.bigint()
    })
    const [{ at }] = (await heard) as [{ at: string }]
    note('all change in one commit, to the last', milliseconds(Number(BigInt(at) - begun.at) / 1e6))
    note('all change in one commit, CPU', milliseconds((await cpuOf(api.child)) - before))
    await end(crowd)

    const times: number[] = []
    for (let round = 0; round < 5; round++) times.push(await replay(url, key))
    figures.push({ what: `replay of ${replayed} events of a workspace, p50`, value: milliseconds(median(times)) })
  } finally {
    await close()
    await end(api.child)
  }
  return figures
}

type Db = ReturnType<typeof openClient>['db']

/** Copies a deployment once per subscriber, each copy with one event. */
async function copyDeployments(db: Db, id: string) {
  const uuid = Buffer.from(id, 'base64').toString().split(':')[1] ?? ''
  const stored = Object.values(getColumns(deployments)).filter(({ generated }) => !generated)
  const columns = sql.raw(stored.map(({ name }) => name).join(', '))
  const copies = sql`select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(), 'name', 'Many ' || n))).* from deployments d, generate_series(1, ${watchers}) n where d.id = ${uuid}`
  const rows = await db.execute<{ id: string; workspace_id: string }>(
    sql`insert into deployments (${columns}) select ${columns} from (${copies}) as copies returning id, workspace_id`,
  )
  await db.execute(sql`insert into deployment_events select (jsonb_populate_record(e, jsonb_build_object('deployment_id', d.id, 'sequence', d.sequence,
    'position', w.position + row_number() over ()))).* from deployment_events e, deployments d, workspaces w
    where e.deployment_id = ${uuid} and e.sequence = 1 and d.name like 'Many %' and w.id = d.workspace_id`)
  await db.execute(sql`update workspaces set position = position + ${watchers} where id = ${rows[0]?.workspace_id}`)
  return { ids: rows.map((row) => row.id), workspaceId: rows[0]?.workspace_id ?? '' }
}

async function gather(url: string, key: string, ids: string[]): Promise<ChildProcess> {
  const { child } = await start('watcher-clients.ts', { URL: `${url}/graphql`, KEY: key, QUERY: query })
  await tell(child, { ids: ids.map((id) => Buffer.from(`Deployment:${id}`).toString('base64')) })
  return child
}

async function replay(url: string, key: string): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }))
  await once(socket, 'message')
  const after = Buffer.from('event:1000').toString('base64url')
  const begun = performance.now()
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: queryOfAll, variables: { after } } }))
  for (let seen = 0; seen < replayed; ) seen += (await messages(socket)) as number
  socket.terminate()
  return performance.now() - begun
}

const messages = (socket: WebSocket) => new Promise((heard) => socket.once('message', () => heard(1)))

async function start(file: string, env: Record<string, string>) {
  const child = fork(join(import.meta.dirname, file), { execArgv: ['--expose-gc'], env: { PATH: process.env['PATH'], ...env } })
  const [ready] = (await once(child, 'message')) as [unknown]
  return { child, ready }
}

async function tell(child: ChildProcess, message: object): Promise<unknown[]> {
  const answered = once(child, 'message')
  child.send(message)
  return answered
}

async function end(child: ChildProcess) {
  const ended = once(child, 'exit')
  child.kill()
  await ended
}

const heapOf = async (child: ChildProcess) => Number((await tell(child, { heap: true }))[0])

/** In bytes. */
const memoryOf = async ({ pid }: ChildProcess) => Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) * 1024

/** In milliseconds. */
async function cpuOf({ pid }: ChildProcess): Promise<number> {
  const [user = 0, system = 0] = (await readFile(`/proc/${pid}/stat`, 'utf8'))
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return (user + system) * 10
}

async function transactionsOf(db: Db): Promise<number> {
  const rows = await db.execute<{ count: string }>(sql`select xact_commit as count from pg_stat_database where datname = current_database()`)
  return Number(rows[0]?.count)
}
