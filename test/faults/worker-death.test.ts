// The provisioning process is killed, stopped or frozen. Another continues, and no change is lost or repeated.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { modelsOf } from '../support/models.ts'
import { collect } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { expectWhole, holdFetching, holdFile, holdStages, readTimeline, stages, startInstallation } from './roles.ts'

test('after kill -9 of the job process in each stage, another process takes over within 15 s and completes all deployments', async () => {
  const api = await startInstallation()
  // Each stage is held by a transaction that stands still, which keeps a connection.
  const first = await api.startWorker({ PARALLEL_JOBS: '5', DATABASE_CONNECTIONS: '20' })
  // All stages are held at the same time only if the first process has recognizers already.
  await api.deploy()
  await holdStages(api.sql, 13)
  // Each deployment has a workspace, because the changes of one workspace wait for each other.
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

// Both tests mostly wait, so they run together.
test.concurrent('a worker that was frozen for 20 s changes no deployment that another took over', async ({ onTestFinished }) => {
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
  const readRow = async () => {
    const [row] = await api.sql`select * from deployments join workspaces on workspaces.id = workspace_id`
    const { dead_runs: deadRuns, ...rest } = row ?? {}
    return { deadRuns, rest }
  }
  const before = await readRow()
  expect(before.deadRuns).toEqual([1])
  stale.child.kill('SIGCONT')
  // The worker counted as dead and now reports that it lives.
  await until(async () => (await readRow()).deadRuns.length === 0)
  // The worker finds its claims outdated and releases them.
  await until(async () => (await api.sql`select from pgboss.job where name = 'provision-deployment' and state in ('active', 'created', 'retry')`).length === 0)
  await delay(3000)
  expect((await readRow()).rest).toEqual(before.rest)
  expectWhole((await readTimeline(api, deployment.id)).timeline.nodes)
  expect(stale.child.exitCode).toBeNull()
  figure('13, SIGSTOP for 20 s, then SIGCONT', { 'COMPLETE by another after, s': completeAfter / 1000, 'changes by the stale one': 0 })
})

test.concurrent('six workers that receive SIGTERM during their work hand over within the grace period and cost no attempt', async ({ onTestFinished }) => {
  const api = await startInstallation({}, onTestFinished)
  // More restarts than attempts, each during FETCHING.
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
    // The next worker starts while this one stops, as in a rolling restart.
    const next = api.startWorker()
    expect(await worker.ended).toMatchObject({ code: 0 })
    grace.push(Date.now() - signaledAt)
    worker = await next
  }
  await release()
  const changes = await watched
  expect(changes.at(-1)?.status).toBe('COMPLETE')
  expectWhole(changes)
  expect((await api.sql`select failed_tries, run, dead_runs from deployments`)[0]).toMatchObject({ failed_tries: 0, run: 7, dead_runs: [] })
  expect(Math.max(...grace)).toBeLessThan(10_000)
  figure('12, SIGTERM during a job', { restarts: grace.length, 'longest until ended, s': Math.max(...grace) / 1000, 'tries lost': 0 })
})

test('work that was killed twice is failed with a reason by the third process and can be retried', async () => {
  const api = await startInstallation()
  const models = modelsOf(api)
  const release = await holdFetching(api.dataDir)
  const send = async (kind: string, body: string | Buffer) =>
    (await (await models.upload(kind, body as Buffer<ArrayBuffer>)).json()) as { id: string; sha256: string }
  const text = await send('text', 'the four of clubs\n')
  const archive = await send('acoustic-model', gzipSync('an archive'))
  const { deployment } = await api.create()
  const { model: language } = await models.createLanguageModel({ uploadId: text.id })
  const { model: acoustic } = await models.createAcousticModel({ source: { uploadId: archive.id } })
  for (const { sha256 } of [text, archive]) {
    await holdFile(api.dataDir, sha256)
    await rm(join(api.dataDir, 'artifacts', sha256))
  }
  const watched = [collect(api.watch(deployment.id)), collect(models.watch(language.id)), collect(models.watch(acoustic.id))]
  const startedAt = Date.now()
  for (const run of [1, 2]) {
    const worker = await api.startWorker()
    await until(async () => {
      const rows = await api.sql`select run, stage::text from deployments union all select run, stage::text from models where base_model_id is not null`
      return rows.length === 3 && rows.every((row) => row.run === run && ['FETCHING', 'TRAINING'].includes(row['stage']))
    })
    worker.child.kill('SIGKILL')
    await worker.ended
  }
  await api.startWorker()
  const ends = (await Promise.all(watched)).map((changes) => changes.at(-1))
  expect(ends.map((end) => end?.status)).toEqual(['FAILED', 'FAILED', 'FAILED'])
  figure('14, kill -9 twice in the middle of the same work', { 'given up after, s': (Date.now() - startedAt) / 1000 })
  const failures = [(await readTimeline(api, deployment.id)).failure, (await models.find(language.id)).failure, (await models.find(acoustic.id)).failure]
  const failure = { code: 'PROCESS_DIED_TWICE', message: expect.stringMatching(/for the second time, so the job is not repeated/) }
  expect(failures).toEqual(['FETCHING', 'TRAINING', 'FETCHING'].map((stage) => ({ ...failure, stage })))
  expect(await api.sql`select from pgboss.job where state in ('active', 'created', 'retry') and name not like '\\_\\_%'`).toHaveLength(0)

  await release()
  await api.act('retryDeployment', deployment.id)
  expect((await collect(api.watch(deployment.id))).at(-1)?.status).toBe('COMPLETE')
})
