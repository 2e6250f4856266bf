// Postgres stands still: it accepts connections and answers nothing, longer than any statement is waited for.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeDataDir, start } from '../program.ts'
import { until } from '../until.ts'
import { figure } from './figure.ts'
import { freezePostgres } from './freeze.ts'

test('Postgres freezes for 22 s under writes: every write that was acknowledged is there afterwards', { timeout: 180_000 }, async () => {
  const dataDir = await makeDataDir()
  const api = await start({ DATA_DIR: dataDir, ROLES: 'api', MAX_KEYS: '100000' })
  const acknowledged: string[] = []
  let refused = 0
  const codes = new Set<string>()
  let isWriting = true
  const writers = Array.from({ length: 12 }, async (_, writer) => {
    for (let n = 0; isWriting; n++) {
      const name = `${writer} ${n}`
      // In a transaction, outside of one, and two kinds of begin: of one workspace, and of none.
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
  const uploads = (async () => {
    for (let n = 0; isWriting && n < 15; n++) {
      const body = `upload ${n} of this test\n`
      const response = await fetch(`${api.url}/uploads?kind=text`, { method: 'PUT', headers: { authorization: `Bearer ${api.key}` }, body }).catch(
        () => undefined,
      )
      if (response?.status === 201) acknowledged.push(((await response.json()) as { id: string }).id)
      await delay(300)
    }
  })()
  await until(() => acknowledged.length > 100)
  const before = acknowledged.length
  const thaw = await freezePostgres(dataDir)
  await delay(22_000)
  const meanwhile = acknowledged.length
  thaw()
  await until(() => acknowledged.length > meanwhile + 100)
  // As long as a transaction that nobody ends would live.
  await delay(12_000)
  isWriting = false
  await Promise.all([...writers, uploads])

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
  const sentAgain = acknowledged.filter((name) => /^\d+ \d+$/.test(name) && !found.has(name))
  expect(sentAgain).toEqual([])
  expect([...codes].filter((code) => code !== 'TIMEOUT' && code !== 'SERVICE_UNAVAILABLE')).toEqual([])
  figure('Postgres frozen for 22 s', {
    'acknowledged before': before,
    'acknowledged in all': acknowledged.length,
    refused,
    lost: sentAgain.length,
    codes: [...codes].join(' '),
  })
})

test('the process ends in time while Postgres is frozen, and says little while it is', { timeout: 180_000 }, async () => {
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
  expect(messages.length, lines.join('\n')).toBeLessThan(10)
  figure('SIGTERM while Postgres is frozen', { SHUTDOWN_SECONDS: 2, 'ended after, s': seconds, 'log lines in 12 s': lines.length })
})
