// One data directory belongs to one process at a time: who has it, and where its server listens.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { childEnvironment } from '../sandbox/child-environment.ts'
import { EmbeddedPostgresError } from './problem.ts'

const run = promisify(execFile)

/** One server per directory: notes who we are, and refuses while another one lives there. */
export async function claim(dir: string) {
  const file = join(dir, 'owner')
  const other = await readFile(file, 'utf8').catch(() => '')
  const pid = Number(other.split(' ')[0])
  if (pid && pid !== process.pid && other === (await identity(pid))) {
    throw new EmbeddedPostgresError(`Another custom-speech (process ${pid}) already uses ${dir}. Stop it, or set DATA_DIR to another directory.`)
  }
  await writeFile(file, (await identity(process.pid)) ?? '')
}

/** Process id and start time, which together are never used twice; undefined when there is no such living process. */
async function identity(pid: number): Promise<string | undefined> {
  const facts = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env: { ...childEnvironment(), LC_ALL: 'C' } }).catch(() => undefined)
  const [state = 'Z', ...started] = facts?.stdout.trim().split(/\s+/) ?? []
  return state.startsWith('Z') ? undefined : `${pid} ${started.join(' ')}`
}

/**
 * Where the server listens that another process runs on `dir`; undefined when none does. For commands that
 * work on the data of an installation whether or not it runs.
 */
export async function findRunningServer(dir: string): Promise<string | undefined> {
  const owner = await readFile(join(dir, 'owner'), 'utf8').catch(() => '')
  const pid = Number(owner.split(' ')[0])
  if (!pid || owner !== (await identity(pid))) return undefined
  // The fourth line is the port, the last one tells whether connections are accepted.
  const lines = (await readFile(join(dir, 'data/postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const [port, status] = [Number(lines[3]), lines[7]?.trim()]
  if (!port || status !== 'ready') throw new EmbeddedPostgresError(`custom-speech (process ${pid}) is starting or stopping. Try again in a moment.`)
  return toAddress(dir, port)
}

export async function toAddress(dir: string, port: number): Promise<string> {
  const password = (await readFile(join(dir, 'password'), 'utf8')).trim()
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
}
