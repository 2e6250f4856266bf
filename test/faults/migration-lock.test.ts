// A start waits until another process has migrated.
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../support/postgres.ts'
import { launch, makeDataDir } from '../support/program.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'

test('a start waits 24 s for the migration of another process and logs the reason', async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  onTestFinished(database.drop)
  const sql = postgres(database.url, { max: 1 })
  await sql`select pg_advisory_lock(7301)`
  const began = performance.now()
  const { child, said } = launch({ PORT: '0', DATA_DIR: await makeDataDir(), DATABASE_URL: database.url, ROLES: 'api' })
  await delay(24_000)
  expect([child.exitCode, said.out]).toEqual([null, ''])
  expect(said.err).toContain('another process migrates the database; waiting')
  await sql.end()
  await until(() => /Ctrl-C stops/.test(said.out))
  figure('another process migrates for 24 s', { 'ready after, s': (performance.now() - began) / 1000, 'log lines': said.err.trim().split('\n').length })
})
