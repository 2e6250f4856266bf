// A data directory belongs to one process at a time. The file `owner` names the process.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { childEnvironment } from '../../sandbox/child-environment.ts'
import { EmbeddedPostgresError } from '../problem.ts'

const run = promisify(execFile)

/** Claims the directory for this process; throws while another process uses it. */
export async function claim(dir: string) {
  const file = join(dir, 'owner')
  const other = await readFile(file, 'utf8').catch(() => '')
  const pid = Number(other.split(' ')[0])
  if (pid && pid !== process.pid && other === (await identity(pid))) {
    throw new EmbeddedPostgresError(`Another custom-speech (process ${pid}) already uses ${dir}. Stop it, or set DATA_DIR to another directory.`)
  }
  await writeFile(file, (await identity(process.pid)) ?? '')
}

/** The process id and start time, which together are unique; undefined when no such process runs. */
async function identity(pid: number): Promise<string | undefined> {
  const facts = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env: { ...childEnvironment(), LC_ALL: 'C' } }).catch(() => undefined)
  const [state = 'Z', ...started] = facts?.stdout.trim().split(/\s+/) ?? []
  return state.startsWith('Z') ? undefined : `${pid} ${started.join(' ')}`
}

/**
 * The URL of the server that another process runs on `dir`; undefined when none runs. For commands that use the data of
 * an installation, running or not.
 */
export async function findRunningServer(dir: string): Promise<string | undefined> {
  const owner = await readFile(join(dir, 'owner'), 'utf8').catch(() => '')
  const pid = Number(owner.split(' ')[0])
  if (!pid || owner !== (await identity(pid))) return undefined
  // The fourth line is the port, and the eighth the status.
  const lines = (await readFile(join(dir, 'data/postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const [port, status] = [Number(lines[3]), lines[7]?.trim()]
  if (!port || status !== 'ready') throw new EmbeddedPostgresError(`custom-speech (process ${pid}) is starting or stopping. Try again in a moment.`)
  return toAddress(dir, port)
}

export async function toAddress(dir: string, port: number): Promise<string> {
  const password = (await readFile(join(dir, 'password'), 'utf8')).trim()
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
}
