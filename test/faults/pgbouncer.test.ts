// The PgBouncer of Debian between the service and Postgres.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { writeQuickCatalog } from '../support/catalog.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { findFreePort, launch, makeDataDir, start } from '../support/program.ts'
import { collect } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'

const pgbouncer = '/usr/sbin/pgbouncer'

/** A database behind a new PgBouncer with settings for the mode, the accounts and the connections of one process. */
async function startPooler(mode: 'session' | 'transaction') {
  const database = await cloneDatabase(inject('postgresUrl'))
  onTestFinished(database.drop)
  const url = new URL(database.url)
  const dir = await makeDirectory()
  const port = await findFreePort()
  const accounts = join(dir, 'accounts')
  await writeFile(accounts, `"${url.username}" "${decodeURIComponent(url.password)}"\n`)
  await chmod(accounts, 0o644)
  const settings = [
    '[databases]',
    `* = host=${url.hostname} port=${url.port}`,
    '[pgbouncer]',
    `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
    `auth_type = scram-sha-256\nauth_file = ${accounts}`,
    `pool_mode = ${mode}\ndefault_pool_size = 20`,
  ]
  const file = join(dir, 'pgbouncer.ini')
  await writeFile(file, `${settings.join('\n')}\n`)
  const pooler = spawn(pgbouncer, [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), file], { stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void pooler.kill('SIGKILL'))
  let said = ''
  pooler.stderr.on('data', (chunk) => (said += chunk))
  await until(() => said.includes('process up'))
  url.port = String(port)
  return url.href
}

test.skipIf(!existsSync(pgbouncer))('a deployment behind PgBouncer in session mode is created, watched and called', async () => {
  const api = await start({ DATABASE_URL: await startPooler('session'), DATA_DIR: await makeDataDir(), CATALOG: await writeQuickCatalog(), LOG_LEVEL: 'warn' })
  const { deployment } = await api.create()
  const changes = await collect(api.watch(deployment.id))
  expect(changes.at(-1)?.status).toBe('COMPLETE')
  expect(api.said.err).toBe('')
  api.child.kill('SIGTERM')
  expect((await api.ended).code).toBe(0)
  figure('PgBouncer in session mode', { changes: changes.length })
})

test.skipIf(!existsSync(pgbouncer))('a start behind PgBouncer in transaction mode fails with an explanation', async () => {
  const { code, err } = await launch({ PORT: '0', DATABASE_URL: await startPooler('transaction'), DATA_DIR: await makeDataDir() }).ended
  expect([code, err]).toEqual([1, expect.stringContaining('pooler in transaction mode')])
  expect(err).not.toMatch(/\n\s+at /)
})
