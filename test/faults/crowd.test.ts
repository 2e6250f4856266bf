// Many requests at once: bursts, races and the order of the queue.
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { writeQuickCatalog } from '../support/catalog.ts'
import { collect, type StatusChange, startTestService } from '../support/service.ts'
import { figure } from './figure.ts'
import { expectWhole, startInstallation } from './roles.ts'

const act = (name: string) => `mutation ($id: ID!) { ${name}Deployment(id: $id) { __typename ... on Error { code } } }`

test('120 deployments created at once all complete, at most 4 are provisioned at a time, and memory does not grow', async () => {
  const api = await startTestService({ CATALOG: await writeQuickCatalog(), RECOGNIZERS: '2', LOG_LEVEL: 'silent' })
  const input = await api.sampleInput()
  await api.deploy()
  const before = process.memoryUsage().rss
  const changesCursor = (await api.ask('{ deployments { changesCursor } }')).data?.deployments.changesCursor
  const started = performance.now()
  const created = await Promise.all(Array.from({ length: 120 }, (_, n) => api.create({ ...input, name: `One of many ${n}` })))
  expect(created.map(({ __typename }) => __typename)).toEqual(created.map(() => 'CreateDeploymentSuccess'))
  const waiting = await api.ask('{ deployments(first: 100, orderBy: { field: CREATED_AT, direction: DESC }) { nodes { queuePosition status } } }')
  const positions = waiting.data?.deployments.nodes
    .map(({ queuePosition }: { queuePosition: number | null }) => queuePosition)
    .filter((n: number | null) => n !== null)
  expect(positions.length).toBeGreaterThan(50)
  expect(new Set(positions).size).toBe(positions.length)
  expect(positions).toEqual(positions.toSorted((a: number, b: number) => b - a))

  const logs = new Map<string, StatusChange[]>(created.map(({ deployment }) => [deployment.id, []]))
  const atWork = new Set<string>()
  let [most, ended, peak] = [0, 0, before]
  for await (const change of api.watchAll({ after: changesCursor })) {
    logs.get(change.deploymentId)?.push(change)
    if (change.status === 'PROVISIONING') atWork.add(change.deploymentId)
    if (change.isTerminal) atWork.delete(change.deploymentId)
    most = Math.max(most, atWork.size)
    peak = Math.max(peak, process.memoryUsage().rss)
    if (change.isTerminal && ++ended === created.length) break
  }
  const seconds = (performance.now() - started) / 1000
  expect(most).toBeLessThanOrEqual(4)
  const beginnings = [...logs.values()].map((log) => log.find(({ status }) => status === 'PROVISIONING')?.sequence)
  expect(beginnings.every((sequence) => sequence === 2)).toBe(true)
  for (const log of logs.values()) {
    expect(log.at(-1)?.status).toBe('COMPLETE')
    expectWhole(log)
  }
  expect(peak - before).toBeLessThan(300e6)
  figure('120 created at once', { 'all COMPLETE after, s': seconds, 'at a time, at most': most, 'memory more, MB': (peak - before) / 1e6 })
}, 240_000)

test('a deployment does not wait for the backlog of another workspace, and each workspace is served in order', async () => {
  const api = await startInstallation({ CATALOG: await writeQuickCatalog() })
  const other = await api.newWorkspace()
  const crowd = await Promise.all(Array.from({ length: 20 }, () => api.create()))
  const late = await other.create()
  await api.startWorker({ PARALLEL_JOBS: '1' })
  expect((await collect(other.watch(late.deployment.id))).at(-1)?.status).toBe('COMPLETE')
  await Promise.all(crowd.map(({ deployment }) => collect(api.watch(deployment.id))))
  const order = await api.sql`select workspace_id, id from deployments order by started_at`
  const place = order.findIndex(({ id }) => Buffer.from(late.deployment.id, 'base64').toString().endsWith(id))
  expect(place).toBeLessThan(3)
  const [created, begun] = await Promise.all([api.sql`select id from deployments order by id`, api.sql`select id from deployments order by started_at`])
  const lateId = order[place]?.id
  const without = (rows: readonly { id?: string }[]) => rows.map(({ id }) => id).filter((id) => id !== lateId)
  expect(without(begun)).toEqual(without(created))
  figure('20 of one workspace before 1 of another', { 'the one began as number': place + 1 })
}, 240_000)

test('50 creations with one idempotency key make one row and one job, and 50 with one name make one row and 49 errors', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const input = await api.sampleInput()
  const same = await Promise.all(Array.from({ length: 50 }, () => api.create({ ...input, name: 'The same', idempotencyKey: 'one' })))
  expect(new Set(same.map(({ deployment }) => deployment.id)).size).toBe(1)
  const jobs = () => countJobs(api.databaseUrl)
  expect(await jobs()).toBe(1)
  const named = await Promise.all(Array.from({ length: 50 }, () => api.create({ ...input, name: 'One name' })))
  const kinds = Map.groupBy(named, ({ __typename }) => __typename)
  expect(kinds.get('CreateDeploymentSuccess')).toHaveLength(1)
  expect(kinds.get('DuplicateDeploymentNameError')).toHaveLength(49)
  expect(await jobs()).toBe(2)
  expect((await api.ask('{ deployments { totalCount } }')).data?.deployments.totalCount).toBe(2)
  figure('8, 50 with one idempotency key, 50 with one name', { rows: 2, jobs: 2, errors: 49 })
})

test('200 cancellations and deletions that race with completion cause no crash and no change after the terminal one', async () => {
  const api = await startTestService({
    CATALOG: await writeQuickCatalog(),
    RECOGNIZERS: '2',
    MAX_MUTATIONS_PER_KEY: '1000000',
    MAX_MUTATIONS_PER_WORKSPACE: '1000000',
    LOG_LEVEL: 'silent',
  })
  const complete = await api.deploy()
  await api.deploy()
  const [proof] = (await api.ask('{ deployments(first: 1) { nodes { verification { latencyMs webSocketLatencyMs } } } }')).data?.deployments.nodes ?? []
  // Verification takes longer while other deployments run.
  const verifyingMs = 2 * (proof.verification.latencyMs + proof.verification.webSocketLatencyMs)
  const input = await api.sampleInput()
  const ends = new Map<string, number>()
  const one = async (n: number) => {
    const { deployment } = await api.create({ ...input, name: `Raced ${n}` })
    const verifying = Promise.withResolvers<void>()
    const watched = collect(
      tap(api.watch(deployment.id), ({ stage, isTerminal }) => {
        if (stage === 'VERIFYING' || isTerminal) verifying.resolve()
      }),
    )
    // Half of the actions come at any time, half around the completion.
    if (n % 4 < 2) await verifying.promise
    await new Promise((resolve) => setTimeout(resolve, ((n % 50) / 50) * verifyingMs))
    const name = n % 2 ? 'cancel' : 'delete'
    const { data, errors } = await api.ask(act(name), { id: deployment.id })
    expect(errors).toBeUndefined()
    const answer = data?.[`${name}Deployment`].__typename
    const changes = await watched
    const last = changes.at(-1)?.status as string
    expect(changes.map(({ sequence }) => sequence)).toEqual(changes.map((_, index) => (changes[0]?.sequence ?? 0) + index))
    expect(changes.slice(0, -1).some(({ isTerminal, status }) => isTerminal && !(status === 'COMPLETE' && last === 'DELETING'))).toBe(false)
    expect([answer, last]).toSatisfy(([said, was]: [string, string]) =>
      said === 'CancelDeploymentSuccess' ? was === 'CANCELED' : said === 'StatusConflictError' ? was === 'COMPLETE' : ['DELETING', 'COMPLETE'].includes(was),
    )
    ends.set(last, (ends.get(last) ?? 0) + 1)
  }
  // Four at a time keep the workers busy.
  const numbers = Array.from({ length: 200 }, (_, n) => n).values()
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const n of numbers) await one(n)
    }),
  )
  // A race has both outcomes.
  expect([...ends.keys()].toSorted()).toEqual(['CANCELED', 'COMPLETE', 'DELETING'])
  const left = await api.ask('{ deployments(first: 1) { statusCounts { status count } } }')
  for (const { status } of left.data?.deployments.statusCounts ?? []) expect(['COMPLETE', 'CANCELED']).toContain(status)
  await expect.poll(() => countJobs(api.databaseUrl), { timeout: 10_000 }).toBe(0)
  expect((await api.ask('query ($id: ID!) { deployment(id: $id) { status } }', { id: complete.deploymentId })).data?.deployment.status).toBe('COMPLETE')
  expect((await api.deploy()).status).toBe('COMPLETE')
  figure('9, cancel and delete racing with completion', { races: 200, ...Object.fromEntries(ends) })
}, 240_000)

async function countJobs(url: string) {
  const sql = postgres(url, { max: 1 })
  const rows = await sql`select from pgboss.job where name = 'provision-deployment' and state in ('created', 'retry', 'active')`
  await sql.end()
  return rows.length
}

async function* tap<T>(items: AsyncIterable<T>, look: (item: T) => void) {
  for await (const item of items) {
    look(item)
    yield item
  }
}
