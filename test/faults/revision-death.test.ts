// The process that provisions a revision is killed in each stage. The deployment serves, and another process continues.
import { expect, test } from 'vitest'
import { evaluationsOf } from '../evaluation/evaluations.ts'
import { revisionsOf } from '../revisions/client.ts'
import { cardRecordings, collect, referenceRecording } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { expectWhole, holdFetching, stages, startInstallation } from './roles.ts'

const hold = `
  create function hold_revision() returns trigger language plpgsql as $$
  begin
    if new.run = 1 and old.stage is distinct from new.stage and old.note = old.stage::text then perform pg_sleep(13); end if;
    return new;
  end $$;
  create trigger hold_revision before update on deployment_revisions for each row execute function hold_revision()`

test('after kill -9 of the job process in each stage of a redeployment, another one completes it, and the endpoint answers all the time', async () => {
  const api = await startInstallation()
  const first = await api.startWorker({ PARALLEL_JOBS: '5', DATABASE_CONNECTIONS: '20' })
  const held = await Promise.all(
    stages.map(async (stage) => {
      const owner = await api.newWorkspace()
      const { deployment } = await owner.deploy()
      return { stage, owner, id: deployment.id as string, url: deployment.endpoint?.httpUrl ?? '' }
    }),
  )
  await api.sql.unsafe(hold)
  const watched = []
  for (const { stage, owner, id } of held) {
    expect(await revisionsOf(owner).redeploy(id, { note: stage })).toMatchObject({ revision: { number: 2 } })
    watched.push(collect(owner.watch(id)))
  }
  const stagesNow = async () => (await api.sql`select note from deployment_revisions where number = 2 and stage::text = note`).length
  await until(async () => (await stagesNow()) === stages.length, 60_000)
  const killedAt = Date.now()
  first.child.kill('SIGKILL')
  for (const { owner, url } of held) expect((await owner.post(url, referenceRecording())).headers.get('x-revision')).toBe('1')
  await api.startWorker({ PARALLEL_JOBS: '5' })
  for (const [n, { stage, owner, id, url }] of held.entries()) {
    expectWhole((await watched[n]) ?? [])
    const { currentRevision, pendingRevision } = await revisionsOf(owner).read(id)
    expect({ number: currentRevision.number, pendingRevision }, stage).toEqual({ number: 2, pendingRevision: null })
    expect((await owner.post(url, referenceRecording())).headers.get('x-revision')).toBe('2')
  }
  figure('15, kill -9 of the job process in each stage of a redeployment', { 'all serve after, s': (Date.now() - killedAt) / 1000 })
})

test('a redeployment whose process was killed twice fails with a reason, and the deployment serves as before', async () => {
  const api = await startInstallation()
  const starting = await api.startWorker()
  const { deployment } = await api.deploy('CONVERSATIONAL')
  starting.child.kill('SIGTERM')
  await starting.ended
  const release = await holdFetching(api.dataDir)
  const revisions = revisionsOf(api)
  const pair = { acousticModelId: await api.modelId('ACOUSTIC'), languageModelId: await api.modelId('LANGUAGE') }
  await revisions.redeploy(deployment.id, pair)
  const watched = collect(api.watch(deployment.id))
  for (const run of [1, 2]) {
    const worker = await api.startWorker()
    await until(async () => {
      const [row] = await api.sql`select run, stage from deployment_revisions where number = 2`
      return row?.['run'] === run && row?.['stage'] === 'FETCHING'
    }, 30_000)
    worker.child.kill('SIGKILL')
    await worker.ended
  }
  await api.startWorker()
  expectWhole(await watched)
  const after = await revisions.read(deployment.id)
  expect(after).toMatchObject({ status: 'COMPLETE', currentRevision: { number: 1 }, pendingRevision: null })
  expect(after['revisions'].nodes[0]).toMatchObject({ number: 2, status: 'FAILED', failure: { code: 'PROCESS_DIED_TWICE', stage: 'FETCHING' } })
  await release()
  await revisions.redeploy(deployment.id, pair)
  await collect(api.watch(deployment.id))
  expect((await revisions.read(deployment.id))['currentRevision']).toMatchObject({ number: 3 })
})

test('a gate whose process is killed three times continues after its last recording', async () => {
  const api = await startInstallation()
  let worker = await api.startWorker()
  const testSet = await evaluationsOf(api).importTestSet(cardRecordings())
  const { deployment } = await api.deploy('CONVERSATIONAL')
  await revisionsOf(api).redeploy(deployment.id, { gate: { testSetId: testSet['id'], maxWordErrorRate: 1 } })
  const watched = collect(api.watch(deployment.id))
  const evaluated = async () => Number((await api.sql`select count(*) from evaluated_items`)[0]?.['count'])
  for (let kill = 0; kill < 3; kill++) {
    const before = await evaluated()
    await until(async () => (await evaluated()) > before)
    worker.child.kill('SIGKILL')
    await worker.ended
    worker = await api.startWorker()
  }
  expectWhole(await watched)
  expect((await revisionsOf(api).read(deployment.id))['currentRevision']).toMatchObject({ number: 2, status: 'COMPLETE' })
})
