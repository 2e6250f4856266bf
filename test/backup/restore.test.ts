// A backup is made while the server works, and restored elsewhere.
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { writeBackup } from '../../src/backup/backup.ts'
import { restoreBackup } from '../../src/backup/restore.ts'
import { readConfig } from '../../src/config.ts'
import { openLog } from '../../src/log.ts'
import { startService } from '../../src/main.ts'
import { evaluationsOf } from '../evaluation/evaluations.ts'
import { revisionsOf } from '../revisions/client.ts'
import { cardText, modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { launch, makeDataDir } from '../support/program.ts'
import { collect, createTestClient, referenceRecording, referenceText, startTestService, uuidOf } from '../support/service.ts'
import { createEmptyDatabase, listOurTables } from './empty-database.ts'

const log = openLog('error')
const report = { waiting: () => {} }

const facts = `{ deployments(first: 100) { totalCount nodes { id name status endpoint { httpUrl } } }
  models(first: 100) { totalCount nodes { id name status } } }`

async function run(settings: Record<string, string>, ...command: string[]) {
  const { code, out, err } = await launch(settings, command).ended
  return { code, text: `${out}${err}` }
}

/** A server in this process, and a client with its key or another one. */
async function serve(settings: Record<string, string>, key?: string) {
  const service = await startService(readConfig({ PORT: '0', RECOGNIZERS: '1', LOG_LEVEL: 'error', ...settings }))
  onTestFinished(service.close)
  const client = createTestClient(service.localUrl, key ?? service.key)
  onTestFinished(client.dispose)
  return { ...service, ...client }
}

const withoutHost = (data: object | undefined) => JSON.stringify(data).replaceAll(/https?:\/\/[^/"]+/g, '')

test('a server that is restored elsewhere recognizes at the old URL with the old key', { timeout: 240_000 }, async () => {
  const [here, there] = [await makeDataDir(), await makeDataDir()]
  const file = join(dirname(here), 'installation.backup')
  const api = await serve({ DATA_DIR: here })
  const endpoint = await api.deployEndpoint()
  const models = modelsOf(api)
  const { model } = await models.createLanguageModel({ text: cardText })
  expect((await collect(models.watch(model.id))).at(-1)?.status).toBe('READY')
  const [suspended, deleted] = [await api.deploy(), await api.deploy()]
  await api.act('suspendDeployment', suspended.deploymentId)
  await api.act('deleteDeployment', deleted.deploymentId)
  const before = (await api.ask(facts)).data

  const made = await run({ DATA_DIR: here }, 'backup', file)
  expect(made).toEqual({ code: 0, text: expect.stringMatching(/^Backed up [\d,]+ rows of \d+ tables \(.* to .*installation\.backup\.\n$/) })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(made.text).not.toContain('Warning')
  expect(await run({}, 'verify', file)).toEqual({ code: 0, text: expect.stringContaining('is complete') })
  // This deployment is not in the backup.
  await api.create()
  await api.close()

  expect(await run({ DATA_DIR: there }, 'restore', file)).toEqual({ code: 0, text: expect.stringMatching(/^Restored [\d,]+ rows/) })
  const restored = await serve({ DATA_DIR: there }, api.key)
  expect(withoutHost((await restored.ask(facts)).data)).toBe(withoutHost(before))
  const { pathname, search } = new URL(endpoint.httpUrl)
  const answer = await restored.post(`${restored.localUrl}${pathname}${search}`, referenceRecording())
  expect(await answer.json()).toMatchObject({ RecognitionStatus: 'Success', DisplayText: expect.stringContaining(referenceText.slice(0, -1)) })
  for (const [action, { deploymentId, cursor }] of [
    ['resumeDeployment', suspended],
    ['restoreDeployment', deleted],
  ] as const) {
    expect(await restored.act(action, deploymentId)).toMatchObject({ deployment: { id: deploymentId, status: 'QUEUED' } })
    expect((await collect(restored.watch(deploymentId, { after: cursor }))).at(-1)).toMatchObject({ status: 'COMPLETE' })
  }
  // The files of the custom model are in the backup.
  const { deployment } = await restored.create({ languageModelId: model.id })
  const last = (await collect(restored.watch(deployment.id))).at(-1)
  expect(last).toMatchObject({ status: 'COMPLETE' })
  const custom = await restored.post(last?.deployment.endpoint?.httpUrl ?? '', referenceRecording())
  expect(await custom.json()).toMatchObject({ RecognitionStatus: 'Success' })
})

test('jobs that wait in a backup go on after the restore, and counters agree with rows while the server writes', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const { deployment } = await api.create()
  const evaluations = evaluationsOf(api)
  const uploadId = await evaluations.uploadRecordings({ 'table.tsv': `a.wav\t${referenceText}`, 'a.wav': referenceRecording() })
  const { testSet } = await evaluations.createTestSet({ uploadId })
  const source = postgres(api.databaseUrl, { max: 1 })
  onTestFinished(() => source.end())
  // As if a process had this deployment in its hands.
  const id = uuidOf(deployment.id)
  await source`insert into settings (name, value) values ('installation', 'original')`
  await source`update deployments set held_by = gen_random_uuid(), run = 1 where id = ${id}`
  const { deployment: redeployed } = await api.create()
  await source`update deployments set status = 'COMPLETE', progress = 1 where id = ${uuidOf(redeployed.id)}`
  expect(await revisionsOf(api).redeploy(redeployed.id)).toMatchObject({ revision: { number: 2, status: 'QUEUED' } })
  const dir = await makeDirectory()
  const file = join(dir, 'busy.backup')
  const making = new AbortController()
  const writing = (async () => {
    while (!making.signal.aborted) {
      await api.create().then((made) => api.act('cancelDeployment', made.deployment.id))
      await delay(50)
    }
  })()
  await writeBackup(api.databaseUrl, file, report)
  making.abort()
  await writing

  const { url, sql } = await createEmptyDatabase()
  await restoreBackup(url, file, log, report)
  // A copy is another installation, which removes no objects of the original.
  expect(await source`select from settings where name = 'installation'`).toHaveLength(1)
  expect(await sql`select from settings where name = 'installation'`).toHaveLength(0)
  expect(await listOurTables(sql)).toEqual(await listOurTables(source))
  const describe = (db: postgres.Sql) => db`
    select conrelid::regclass::text as of, pg_get_constraintdef(oid) as is from pg_constraint where connamespace = 'public'::regnamespace
    union all select tgrelid::regclass::text, tgname || tgenabled::text from pg_trigger where not tgisinternal order by 1, 2`
  expect(await describe(sql)).toEqual(await describe(source))
  const [counted] = await sql`select sum(count)::int as counted, (select count(*)::int from deployments) as rows from deployment_counts`
  expect(counted?.['counted']).toBe(counted?.['rows'])
  const [log_] =
    await sql`select position::int, (select max(position)::int from deployment_events e where e.workspace_id = workspaces.id) as newest from workspaces`
  expect(log_?.['position']).toBe(log_?.['newest'])

  const [before, after] = await Promise.all([source, sql].map((db) => db`select deadline_at from deployments where id = ${id}`))
  expect(after?.[0]?.['deadline_at'].getTime()).toBeGreaterThan(before?.[0]?.['deadline_at'].getTime())

  const restored = await serve({ DATABASE_URL: url, DATA_DIR: dir }, api.key)
  const changes = await collect(restored.watch(deployment.id))
  expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE', isTerminal: true })
  const imported = await collect(evaluationsOf({ ...restored, key: api.key }).watchTestSet(testSet.id))
  expect(imported.at(-1)).toMatchObject({ testSet: { status: 'READY', itemCount: 1 } })
  expect(await sql`select dead_runs from deployments where id = ${id}`).toEqual([{ dead_runs: [] }])
  await collect(restored.watch(redeployed.id))
  expect((await revisionsOf(restored).read(redeployed.id))['currentRevision']).toMatchObject({ number: 2, status: 'COMPLETE' })
})
