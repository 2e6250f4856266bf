// The delivery of one event to many subscribers, beside a raw broadcast of the same bytes to as many sockets, in turn.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { recordChange } from '../src/domain/deployment-lifecycle.ts'
import { openLog } from '../src/log.ts'
import { openClient } from '../src/postgres/client.ts'
import { workspaces } from '../src/postgres/tables.ts'
import { type Figure, median, milliseconds, percentile } from './table.ts'

const runs = [
  { watchers: 1, rounds: 60 },
  { watchers: 100, rounds: 60 },
  { watchers: 1000, rounds: 40 },
  { watchers: 5000, rounds: 15 },
]
const warmUp = 5

const query = `subscription ($id: ID!) { deploymentStatusChanged(deploymentId: $id) { ... on DeploymentStatusChange {
  sequence cursor status stage progress message occurredAt deployment { id name status endpoint { httpUrl } } } } }`

/** `settings` are those of a process that serves only the API. The database already has the catalog. */
export async function fanOut(settings: Record<string, string>): Promise<Figure[]> {
  const api = await start('fan-out-server.ts', { ...settings, ROLES: 'api', MAX_SOCKETS_PER_KEY: '100000' })
  const raw = await start('fan-out-raw.ts')
  const { url, key } = api.ready as { url: string; key: string }
  const client = openClient(settings['DATABASE_URL'] ?? '', openLog('error'))
  const id = await createDeployment(url, key)
  const deploymentId = Buffer.from(id, 'base64').toString().split(':')[1] ?? ''
  const [workspace] = await client.db.select({ id: workspaces.id }).from(workspaces)
  const claim = { deploymentId, workspaceId: workspace?.id ?? '', attempt: 1 }
  const figures: Figure[] = []
  try {
    const gather = (watchers: number) =>
      start('fan-out-watchers.ts', {
        TARGETS: JSON.stringify({ ours: `${url}/graphql`, raw: raw.ready }),
        KEY: key,
        WATCHERS: String(watchers),
        SUBSCRIBE: JSON.stringify({ query, variables: { id } }),
      })
    // The first subscribers leave compiled code and other shared memory behind, which must not count.
    await end((await gather(500)).child)
    for (const { watchers, rounds } of runs) {
      const heap = { ours: await heapOf(api.child), raw: await heapOf(raw.child) }
      const crowd = await gather(watchers)
      const each = { ours: ((await heapOf(api.child)) - heap.ours) / watchers, raw: ((await heapOf(raw.child)) - heap.raw) / watchers }
      const last = { ours: [] as number[], raw: [] as number[] }
      for (let round = -warmUp; round < rounds; round++) {
        const heard = once(crowd.child, 'message')
        let committedAt = 0n
        const change = { status: 'PROVISIONING', stage: 'LOADING', progress: 0.5, message: 'Loading the models into a recognizer.' } as const
        // The clock starts before the commit, the earliest time at which a subscriber can receive the event.
        const recorded = await recordChange(client.db, claim, change, async () => {
          committedAt = process.hrtime.bigint()
        })
        if (!recorded) throw new Error('the deployment is gone')
        const [ours] = (await heard) as [{ lastAt: string; text: string }]
        const heardRaw = once(crowd.child, 'message')
        const [sent] = await tell(raw.child, { text: ours.text })
        const [theirs] = (await heardRaw) as [{ lastAt: string }]
        if (round < 0) continue
        last.ours.push(Number(BigInt(ours.lastAt) - committedAt) / 1e6)
        last.raw.push(Number(BigInt(theirs.lastAt) - BigInt(sent as string)) / 1e6)
      }
      await end(crowd.child)
      const row = (what: string, of: (values: number[]) => number): Figure => ({
        what: `${watchers} ${watchers === 1 ? 'watcher: commit to client' : 'watchers: commit to the last'}, ${what}`,
        value: milliseconds(of(last.ours)),
        baseline: `raw ws ${milliseconds(of(last.raw))}`,
        ratio: (of(last.ours) / of(last.raw)).toFixed(2),
      })
      figures.push(
        row('p50', median),
        row('p99', (values) => percentile(values, 0.99)),
      )
      if (watchers >= 1000) {
        const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
        figures.push({
          what: `${watchers} watchers: heap of each`,
          value: kilobytes(each.ours),
          baseline: `raw ws ${kilobytes(each.raw)}`,
          ratio: (each.ours / each.raw).toFixed(2),
        })
      }
    }
  } finally {
    await client.close()
    await Promise.all([end(api.child), end(raw.child)])
  }
  return figures
}

async function start(file: string, env: Record<string, string> = {}) {
  const child = fork(join(import.meta.dirname, file), { execArgv: ['--expose-gc'], env: { PATH: process.env['PATH'], ...env } })
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`)))
  failed.catch(() => {})
  const [ready] = (await Promise.race([once(child, 'message'), failed])) as [unknown]
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

export async function createDeployment(url: string, key: string): Promise<string> {
  const ask = async (query: string, variables: object = {}) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
    return ((await response.json()) as { data: Record<string, any> }).data
  }
  const { models } = await ask('{ models { nodes { id kind scenario } } }')
  const find = (kind: string) => models.nodes.find((model: any) => model.kind === kind && model.scenario === 'SEARCH_AND_DICTATION').id
  const input = { name: `Fan-out ${crypto.randomUUID()}`, locale: 'en-US', acousticModelId: find('ACOUSTIC'), languageModelId: find('LANGUAGE') }
  const { createDeployment } = await ask(
    'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { ... on CreateDeploymentSuccess { deployment { id } } } }',
    { input },
  )
  return createDeployment.deployment.id
}
