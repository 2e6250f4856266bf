// Deployments are suspended, resumed, deleted and restored at random by several clients, while processes are killed.
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { findFreePort, start } from '../support/program.ts'
import { collect, createTestClient, referenceRecording } from '../support/service.ts'
import { figure } from './figure.ts'

const key = 'cs_faults-suspension-0123456789'
const clients = 8
const kills = 4
const actions = ['suspendDeployment', 'resumeDeployment', 'restoreDeployment', 'deleteDeployment'] as const
/** Deletions are rare, so that deployments become COMPLETE in between. */
const choose = () => (Math.random() < 0.02 ? 'deleteDeployment' : (actions[Math.floor(Math.random() * 3)] ?? 'suspendDeployment'))

test(`after ${kills} times kill -9, ${clients} clients that suspend, resume, delete and restore leave whole logs and working endpoints`, async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  onTestFinished(database.drop)
  const sql = postgres(database.url, { max: 1, onnotice: () => {} })
  const [port, speechPort] = [await findFreePort(), await findFreePort()]
  const shared = { DATABASE_URL: database.url, DATA_DIR: await makeDirectory(), BOOTSTRAP_KEY: key, PUBLIC_URL: `http://127.0.0.1:${speechPort}` }
  const begin = {
    api: () => start({ ...shared, PORT: String(port), ROLES: 'api' }),
    speech: () => start({ ...shared, PORT: String(speechPort), ROLES: 'jobs,speech' }),
  }
  const running = { api: await begin.api(), speech: await begin.speech() }
  const api = createTestClient(`http://127.0.0.1:${port}`, key)
  onTestFinished(api.dispose)

  const made = [await api.deploy(), await api.deploy(), await api.deploy()]
  const urls = new Map(made.map(({ deploymentId, deployment }) => [deploymentId, deployment.endpoint?.httpUrl ?? '']))
  const ids = [...urls.keys()]
  const logs = new Map(made.map((change) => [change.deploymentId, [change]]))
  const cursor = (await api.ask('{ deployments(first: 1) { changesCursor } }')).data?.deployments.changesCursor as string

  let isOver = false
  const watching = (async () => {
    for (let last = cursor; ; ) {
      try {
        for await (const change of api.watchAll({ after: last })) {
          last = change.cursor
          logs.get(change.deploymentId)?.push(change)
          // Only the last deployment is new.
          if (change.previousStatus === null) return
        }
      } catch {
        await delay(100)
      }
    }
  })()

  const done = new Map<string, number>()
  const act = async () => {
    while (!isOver) {
      const [action, id] = [choose(), ids[Math.floor(Math.random() * ids.length)] ?? '']
      const outcome = await api.act(action, id).catch(() => delay(100, { __typename: 'none' }))
      if (outcome.__typename.endsWith('Success')) done.set(action, (done.get(action) ?? 0) + 1)
      await delay(Math.random() * 200)
    }
  }
  const acting = Array.from({ length: clients }, act)
  for (let kill = 0; kill < kills; kill++) {
    await delay(2_000)
    const role = kill % 2 ? 'speech' : 'api'
    running[role].child.kill('SIGKILL')
    await running[role].ended
    running[role] = await begin[role]()
  }
  isOver = true
  await Promise.all(acting)

  // Whatever the last status is, each deployment comes back at its URL.
  for (const id of ids) {
    await api.act('restoreDeployment', id)
    await api.act('resumeDeployment', id)
    expect((await collect(api.watch(id))).at(-1)).toMatchObject({ status: 'COMPLETE', deployment: { endpoint: { httpUrl: urls.get(id) } } })
    expect((await api.post(urls.get(id) ?? '', referenceRecording())).status).toBe(200)
  }
  await api.create()
  await watching
  for (const [id, changes] of logs) {
    expect(changes.map(({ sequence }) => sequence)).toEqual(changes.map((_, n) => (changes[0]?.sequence ?? 0) + n))
    for (const [n, change] of changes.slice(1).entries()) expect(change.previousStatus, id).toBe(changes[n]?.status)
  }
  const wrong = await sql`select * from (select workspace_id, locale, status, count(*)::int as count from deployments group by 1, 2, 3) as actual
    full join (select * from deployment_counts where count <> 0) as counted using (workspace_id, locale, status) where actual.count is distinct from counted.count`
  expect([...wrong]).toEqual([])
  expect([...(await sql`select id from deleted_deployments`)]).toEqual([])
  await sql.end()
  for (const action of actions) expect(done.get(action) ?? 0, action).toBeGreaterThan(0)
  figure('suspensions and restorations under kill -9', { kills, clients, ...Object.fromEntries(done), 'changes lost or doubled': 0 })
}, 240_000)
