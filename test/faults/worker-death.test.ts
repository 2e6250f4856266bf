// The process that provisions is killed, stopped, held still: another goes on, and nothing is told twice or lost.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { collect } from '../service.ts'
import { until } from '../until.ts'
import { figure } from './figure.ts'
import { expectWhole, holdFetching, holdStages, readTimeline, stages, startInstallation } from './roles.ts'

test('kill -9 of the job process in each of the five stages: another takes all five over within 15 s, and all are COMPLETE', async () => {
  const api = await startInstallation()
  const first = await api.startWorker({ PARALLEL_JOBS: '5' })
  await holdStages(api.sql, 13)
  // A workspace of its own for each, since those of one wait for each other's changes.
  const held = await Promise.all(
    stages.map(async (stage) => {
      const owner = await api.newWorkspace()
      const { deployment } = await owner.create({ name: `Held in ${stage}` })
      return { stage, owner, id: deployment.id as string, watched: collect(owner.watch(deployment.id)) }
    }),
  )
  const isHeld = async ({ owner, id, stage }: (typeof held)[number]) => (await readTimeline(owner, id)).timeline.nodes.at(-1)?.stage === stage
  await until(async () => (await Promise.all(held.map(isHeld))).every(Boolean), 60_000)
  const killedAt = Date.now()
  first.child.kill('SIGKILL')
  await api.startWorker({ PARALLEL_JOBS: '5' })

  const takeovers: number[] = []
  for (const { owner, id, watched, stage } of held) {
    const changes = await watched
    expect(changes.at(-1)?.status, stage).toBe('COMPLETE')
    expectWhole(changes)
    const { nodes } = (await readTimeline(owner, id)).timeline
    expectWhole(nodes)
    const begun = nodes.filter((node) => node.stage === 'RESOLVING')
    expect(begun, stage).toHaveLength(2)
    takeovers.push(Date.parse(begun[1]?.occurredAt ?? '') - killedAt)
  }
  expect(Math.max(...takeovers)).toBeLessThan(15_000)
  figure('1, kill -9 of the job process in each stage', { 'longest until taken over, s': Math.max(...takeovers) / 1000 })
})

// Both mostly wait, so they wait together.
test.concurrent('a worker that stands still for 20 s while another takes over changes nothing when it goes on', async ({ onTestFinished }) => {
  const api = await startInstallation({}, onTestFinished)
  const stale = await api.startWorker()
  await holdStages(api.sql, 3)
  const { deployment } = await api.create({ name: 'Held in LOADING' })
  const watched = collect(api.watch(deployment.id))
  await until(async () => (await readTimeline(api, deployment.id)).timeline.nodes.at(-1)?.stage === 'LOADING')
  stale.child.kill('SIGSTOP')
  const stoppedAt = Date.now()
  await api.startWorker()
  const changes = await watched
  const completeAfter = Date.now() - stoppedAt
  expect(changes.at(-1)?.status).toBe('COMPLETE')
  expectWhole(changes)
  await delay(Math.max(0, 20_000 - completeAfter))
  const readRow = () => api.sql`select * from deployments join workspaces on workspaces.id = workspace_id`
  const before = await readRow()
  stale.child.kill('SIGCONT')
  // It wakes, finds what it holds to be stale and lets go: nothing of it is at work any more.
  await until(async () => (await api.sql`select from pgboss.job where name = 'provision-deployment' and state in ('active', 'created', 'retry')`).length === 0)
  await delay(3000)
  expect(await readRow()).toEqual(before)
  expectWhole((await readTimeline(api, deployment.id)).timeline.nodes)
  expect(stale.child.exitCode).toBeNull()
  figure('13, SIGSTOP for 20 s, then SIGCONT', { 'COMPLETE by another after, s': completeAfter / 1000, 'changes by the stale one': 0 })
})

test.concurrent('SIGTERM of six workers one after the other, in the middle of their work: each hands over within its grace, and no try is lost', async ({
  onTestFinished,
}) => {
  const api = await startInstallation({}, onTestFinished)
  // More restarts than there are tries, each in the middle of FETCHING.
  const release = await holdFetching(api.dataDir, onTestFinished)
  let worker = await api.startWorker()
  const { deployment } = await api.create()
  const watched = collect(api.watch(deployment.id))
  const grace: number[] = []
  for (let restart = 1; restart <= 6; restart++) {
    await until(async () => {
      const [row] = await api.sql`select run, stage from deployments`
      return row?.run === restart && row?.stage === 'FETCHING'
    })
    const signaledAt = Date.now()
    worker.child.kill('SIGTERM')
    // The next one starts while this one ends, as in a rolling restart.
    const next = api.startWorker()
    expect(await worker.ended).toMatchObject({ code: 0 })
    grace.push(Date.now() - signaledAt)
    worker = await next
  }
  await release()
  const changes = await watched
  expect(changes.at(-1)?.status).toBe('COMPLETE')
  expectWhole(changes)
  expect((await api.sql`select failed_tries, run from deployments`)[0]).toMatchObject({ failed_tries: 0, run: 7 })
  expect(Math.max(...grace)).toBeLessThan(10_000)
  figure('12, SIGTERM with a job at work', { restarts: grace.length, 'longest until ended, s': Math.max(...grace) / 1000, 'tries lost': 0 })
})
