// Several processes on one database, each with its own DATA_DIR and its own BOOTSTRAP_KEY or none.
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { prepareBootstrapKey, resetBootstrapKey } from '../../src/access/bootstrap-key-file.ts'
import { generateSecret, keysTopic } from '../../src/access/key.ts'
import { openKeyring } from '../../src/access/keyring.ts'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { openLog } from '../../src/log.ts'
import { openStore } from '../../src/postgres/store.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { launch, makeDataDir, start } from '../support/program.ts'
import { startTestService } from '../support/service.ts'
import { until } from '../support/until.ts'

const log = openLog('silent')

async function useDatabase() {
  const database = await cloneDatabase(inject('postgresUrl'))
  onTestFinished(database.drop)
  const makeDir = async () => {
    const dir = await makeDirectory()
    onTestFinished(() => rm(dir, { recursive: true, force: true }))
    return dir
  }
  /** Opens the parts of a process that handle keys. */
  async function startProcess({ bootstrapKey, dataDir }: { bootstrapKey?: string; dataDir?: string } = {}) {
    const dir = dataDir ?? (await makeDir())
    const store = await openStore({ databaseUrl: database.url, dataDir: dir }, allJobs, log)
    const keyring = openKeyring(store, log)
    let isOpen = true
    const stop = async () => {
      if (!isOpen) return
      isOpen = false
      await keyring.close()
      await store.close()
    }
    onTestFinished(stop)
    const key = await prepareBootstrapKey(store, { bootstrapKey, dataDir: dir }, log)
    return { ...store, key, dataDir: dir, stop, letsIn: async (secret: string | undefined) => (await keyring.authenticate(secret ?? ''))?.isBootstrap ?? false }
  }
  return { startProcess, makeDir }
}

test('a configured key is valid again after another key was configured in between', async () => {
  const { startProcess } = await useDatabase()
  const [k1, k2] = [generateSecret(), generateSecret()]
  for (const [bootstrapKey, other] of [
    [k1, k2],
    [k2, k1],
    [k1, k2],
  ]) {
    const { letsIn, stop, key } = await startProcess({ bootstrapKey: bootstrapKey ?? '' })
    expect(key.secret).toBe(bootstrapKey)
    expect([await letsIn(bootstrapKey), await letsIn(other)]).toEqual([true, false])
    await stop()
  }
})

test('processes with different configured keys keep both keys valid, and the key of a stopped process ends at the next start', async () => {
  const { startProcess } = await useDatabase()
  const [k1, k2] = [generateSecret(), generateSecret()]
  const first = await startProcess({ bootstrapKey: k1 })
  const second = await startProcess({ bootstrapKey: k2 })
  for (const { letsIn } of [first, second]) expect([await letsIn(k1), await letsIn(k2)]).toEqual([true, true])
  await first.stop()
  expect(await second.letsIn(k1)).toBe(true)
  const third = await startProcess({ bootstrapKey: k2 })
  expect([await third.letsIn(k1), await third.letsIn(k2)]).toEqual([false, true])
})

test('the next start without BOOTSTRAP_KEY ends the configured key and generates a key', async () => {
  const { startProcess } = await useDatabase()
  const k1 = generateSecret()
  await (await startProcess({ bootstrapKey: k1 })).stop()
  const { letsIn, key } = await startProcess()
  expect([await letsIn(k1), await letsIn(key.secret)]).toEqual([false, true])
})

test('a running process makes its configured key valid again when another process ends the key', async () => {
  const { startProcess } = await useDatabase()
  const k1 = generateSecret()
  const first = await startProcess({ bootstrapKey: k1 })
  const other = await startProcess()
  await other.db.execute(`with ended as (update keys set revoked_at = now() where is_configured) select pg_notify('custom_speech', '${keysTopic}')`)
  await until(() => first.letsIn(k1))
})

test('a configured secret of an ordinary, expired or revoked key becomes a bootstrap key', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const { data } = await api.ask(`mutation {
    expired: createKey(input: { name: "a", scopes: [READ], expiresAt: "2099-01-01T00:00:00Z" }) { ... on CreateKeySuccess { secret key { id } } }
    revoked: createKey(input: { name: "b", scopes: [READ] }) { ... on CreateKeySuccess { secret key { id } } }
    elsewhere: createWorkspace(input: { name: "Elsewhere" }) { ... on CreateWorkspaceSuccess { secret } }
  }`)
  await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id: data?.revoked.key.id })
  const store = await openStore({ databaseUrl: api.databaseUrl, dataDir: '' }, allJobs, log)
  onTestFinished(store.close)
  await store.db.execute("update keys set expires_at = now() - interval '1 day' where name = 'a'")
  for (const { secret } of [data?.expired, data?.revoked, data?.elsewhere]) {
    const process = await openStore({ databaseUrl: api.databaseUrl, dataDir: '' }, allJobs, log)
    await prepareBootstrapKey(process, { bootstrapKey: secret, dataDir: '' }, log)
    const client = api.as(secret)
    const { viewer } = (await client.ask('{ viewer { scopes key { isBootstrap } workspace { name } } }')).data ?? {}
    expect(viewer).toEqual({ scopes: ['MANAGE', 'READ', 'RECOGNIZE'], key: { isBootstrap: true }, workspace: { name: 'Default' } })
    await client.dispose()
    await process.close()
  }
})

test('one of several processes that start together generates the key, and the others name its location', async () => {
  const { startProcess } = await useDatabase()
  const processes = await Promise.all(Array.from({ length: 4 }, () => startProcess()))
  const [maker, ...more] = processes.filter(({ key }) => key.secret)
  expect(more).toEqual([])
  for (const { key, letsIn } of processes) {
    expect(await letsIn(maker?.key.secret)).toBe(true)
    if (!key.secret) expect(key).toMatchObject({ reason: expect.stringMatching(/was made by another process on \d{4}-.*DATA_DIR.*custom-speech key reset/) })
  }
  await Promise.all(processes.map(({ stop }) => stop()))
  // The processes start again, in any order.
  for (const { dataDir, key } of processes) expect((await startProcess({ dataDir })).key.secret).toBe(key.secret)
  expect(await (await startProcess()).letsIn(maker?.key.secret)).toBe(true)
})

test('processes with the same process id that start together on one empty DATA_DIR use the same key', async () => {
  const { startProcess, makeDir } = await useDatabase()
  const dataDir = join(await makeDir(), 'data')
  const processes = await Promise.all(Array.from({ length: 4 }, () => startProcess({ dataDir })))
  expect(new Set(processes.map(({ key }) => key.secret)).size).toBe(1)
  expect(await readdir(dataDir)).toEqual(['bootstrap-key'])
})

test('a reset creates a key that running and later processes accept, and ends the old key', async () => {
  const { startProcess } = await useDatabase()
  const running = await startProcess()
  const other = await startProcess()
  const { secret, isKept } = await resetBootstrapKey(other.db, other.dataDir)
  await until(async () => !(await running.letsIn(running.key.secret)))
  expect([await running.letsIn(secret), isKept]).toEqual([true, true])
  await other.stop()
  expect((await startProcess({ dataDir: other.dataDir })).key.secret).toBe(secret)
  expect((await startProcess({ dataDir: running.dataDir })).key).toMatchObject({ reason: expect.stringContaining('another process') })
})

test('a start generates no new key after the generated key was revoked, and explains the reset command', async () => {
  const { startProcess } = await useDatabase()
  const first = await startProcess()
  await first.db.execute('update keys set revoked_at = now()')
  await first.stop()
  const second = await startProcess({ dataDir: first.dataDir })
  expect(second.key).toMatchObject({ reason: expect.stringMatching(/was revoked on .*custom-speech key reset/) })
})

test('"custom-speech key reset" prints a valid key while the server runs and while it is stopped', { timeout: 120_000 }, async () => {
  const dataDir = await makeDataDir()
  const reset = async () => {
    const { code, out, err } = await launch({ DATA_DIR: dataDir }, ['key', 'reset']).ended
    expect(code, err).toBe(0)
    return /\bcs_[\w-]+/.exec(out)?.[0] ?? ''
  }
  const answers = async (url: string, key: string) =>
    (await fetch(`${url}/graphql?query={viewer{key{isBootstrap}}}`, { headers: { authorization: `Bearer ${key}` } })).status
  const first = await start({ DATA_DIR: dataDir })
  const second = await reset()
  await until(async () => (await answers(first.url, first.key)) === 401)
  expect(await answers(first.url, second)).toBe(200)
  first.child.kill('SIGTERM')
  await first.ended
  const third = await reset()
  const again = await start({ DATA_DIR: dataDir })
  expect(again.key).toBe(third)
  expect(await answers(again.url, third)).toBe(200)
  expect(await answers(again.url, second)).toBe(401)
  expect((await readFile(join(dataDir, 'bootstrap-key'), 'utf8')).trim()).toBe(third)
})
