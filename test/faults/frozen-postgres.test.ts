// Postgres accepts connections but answers nothing for longer than the timeout of any statement.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { findRunningServer } from '../../src/postgres/embedded/claim.ts'
import { makeDataDir, start } from '../support/program.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { freezePostgres } from './freeze.ts'

test('every acknowledged write survives a freeze of Postgres for 22 s', { timeout: 180_000 }, async () => {
  const dataDir = await makeDataDir()
  const api = await start({ DATA_DIR: dataDir, ROLES: 'api', MAX_KEYS: '100000', MAX_MUTATIONS_PER_KEY: '1000000', MAX_MUTATIONS_PER_WORKSPACE: '1000000' })
  const acknowledged: string[] = []
  let refused = 0
  const codes = new Set<string>()
  let isWriting = true
  const writers = Array.from({ length: 12 }, async (_, writer) => {
    for (let n = 0; isWriting; n++) {
      const name = `${writer} ${n}`
      // Transactions with and without the lock of a workspace.
      const write =
        writer % 3 === 0
          ? `createWorkspace(input: { name: "${name}" }) { ... on CreateWorkspaceSuccess { workspace { name } } }`
          : `createKey(input: { name: "${name}", scopes: [READ] }) { ... on CreateKeySuccess { key { name } } }`
      const { data, errors } = await api.ask(`mutation { ${write} }`).catch(() => ({ data: undefined, errors: undefined }))
      if (data) acknowledged.push(name)
      else {
        refused++
        if (errors) codes.add(String(errors[0]?.extensions?.code))
        await delay(50)
      }
    }
  })
  await until(() => acknowledged.length > 100)
  const before = acknowledged.length
  const thaw = await freezePostgres(dataDir)
  await delay(22_000)
  const meanwhile = acknowledged.length
  thaw()
  await until(() => acknowledged.length > meanwhile + 100)
  // The lifetime of an abandoned transaction.
  await delay(12_000)
  isWriting = false
  await Promise.all(writers)

  const found = new Set<string>()
  for (const list of ['keys', 'workspaces']) {
    for (let after: string | null = null; ; ) {
      const { data } = await api.ask(`query ($after: String) { ${list}(first: 100, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }`, {
        after,
      })
      for (const { name } of data?.[list].nodes ?? []) found.add(name)
      if (!data?.[list].pageInfo.hasNextPage) break
      after = data[list].pageInfo.endCursor
    }
  }
  const lost = acknowledged.filter((name) => !found.has(name))
  expect(lost).toEqual([])
  expect([...codes].filter((code) => code !== 'TIMEOUT' && code !== 'SERVICE_UNAVAILABLE')).toEqual([])
  figure('Postgres frozen for 22 s', {
    'acknowledged before': before,
    'acknowledged in all': acknowledged.length,
    refused,
    lost: lost.length,
    codes: [...codes].join(' '),
  })
})

test('a BEGIN that times out in a frozen Postgres does not roll back later writes', { timeout: 180_000 }, async () => {
  const dataDir = await makeDataDir()
  const api = await start({ DATA_DIR: dataDir, ROLES: 'api', LOG_LEVEL: 'silent' })
  const begin = () => api.ask('mutation { createWorkspace(input: { name: "x" }) { __typename } }')
  // All connections of the pool.
  await Promise.all(Array.from({ length: 12 }, begin))
  const thaw = await freezePostgres(dataDir)
  const refused = await Promise.all(Array.from({ length: 6 }, begin))
  // A statement without a free connection waits for a new one in vain.
  const codes = refused.map(({ errors }) => errors?.[0]?.extensions?.code)
  expect(codes.filter((code) => code !== 'TIMEOUT' && code !== 'SERVICE_UNAVAILABLE')).toEqual([])
  expect(codes).toContain('TIMEOUT')
  thaw()
  // Single statements outside of transactions.
  const acknowledged: string[] = []
  for (let n = 0; n < 15; n++) {
    const headers = { authorization: `Bearer ${api.key}` }
    const response = await fetch(`${api.url}/uploads?kind=text`, { method: 'PUT', headers, body: `upload ${n} of this test\n` })
    if (response.status === 201) acknowledged.push(((await response.json()) as { sha256: string }).sha256)
  }
  expect(acknowledged.length).toBeGreaterThan(8)
  // The lifetime of an abandoned transaction.
  await delay(11_000)
  const sql = postgres((await findRunningServer(join(dataDir, 'postgres'))) ?? '', { max: 1 })
  const stored = new Set((await sql`select sha256 from uploads`).map(({ sha256 }) => sha256))
  await sql.end()
  const lost = acknowledged.filter((sha256) => !stored.has(sha256))
  expect(lost).toEqual([])
  figure('BEGIN timed out in a frozen Postgres', { acknowledged: acknowledged.length, lost: lost.length })
})

test('the process stops in time and logs little while Postgres is frozen', { timeout: 180_000 }, async () => {
  const dataDir = await makeDataDir()
  const api = await start({ DATA_DIR: dataDir, SHUTDOWN_SECONDS: '2', LOG_LEVEL: 'warn' })
  const thaw = await freezePostgres(dataDir)
  const asking = Array.from({ length: 20 }, () => api.ask('{ deployments { totalCount } }').catch(() => undefined))
  await delay(12_000)
  const lines = api.said.err.trim().split('\n').filter(Boolean)
  const askedAt = performance.now()
  api.child.kill('SIGTERM')
  const { code } = await api.ended
  const seconds = (performance.now() - askedAt) / 1000
  thaw()
  await Promise.all(asking)
  expect(code).toBe(0)
  expect(seconds).toBeLessThan(2 + 5)
  const messages = lines.map((line) => JSON.parse(line).msg)
  expect(messages.length, lines.join('\n')).toBeLessThan(5)
  figure('SIGTERM while Postgres is frozen', { SHUTDOWN_SECONDS: 2, 'ended after, s': seconds, 'log lines in 12 s': lines.length })
})
