// Stops every process of a Postgres, like an overloaded machine: it neither answers nor closes a connection.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const run = promisify(execFile)

/** The postmaster of the data directory and all its children. */
async function findPostgres(dataDir: string): Promise<number[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,ppid=,args='])
  const all = stdout.split('\n').map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
  const postmasters = all
    .filter((found) => found?.[3]?.includes(dataDir) && /bin\/postgres/.test(found[3]) && !found[3].startsWith('/bin/sh'))
    .map((found) => Number(found?.[1]))
  return [...postmasters, ...all.filter((found) => postmasters.includes(Number(found?.[2]))).map((found) => Number(found?.[1]))]
}

/** Freezes the Postgres of a DATA_DIR; returns the function that continues it. */
export async function freezePostgres(dataDir: string): Promise<() => void> {
  const pids = await findPostgres(dataDir)
  if (pids.length < 5) throw new Error(`only ${pids.length} processes of Postgres were found`)
  const signalAll = (name: NodeJS.Signals) => {
    for (const pid of pids) {
      try {
        process.kill(pid, name)
      } catch {}
    }
  }
  // The postmaster stops first, so that it starts no other process.
  signalAll('SIGSTOP')
  const thaw = () => signalAll('SIGCONT')
  onTestFinished(thaw)
  return thaw
}
