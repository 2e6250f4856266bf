// The CPU time of processes, as Linux counts it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const secondsPerTick = 1 / 100

interface Times {
  parent: number
  own: number
  /** Of children that have ended. */
  ended: number
}

function readTimes(pid: number | string): Times | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number)
    const seconds = (index: number) => (fields[index] ?? 0) * secondsPerTick
    return { parent: fields[1] ?? 0, own: seconds(11) + seconds(12), ended: seconds(13) + seconds(14) }
  } catch {
    return undefined
  }
}

/** Seconds of CPU that a process has used. NaN where /proc does not exist. */
export const processCpu = (pid: number): number => readTimes(pid)?.own ?? Number.NaN

/** Seconds of CPU of a Postgres: the postmaster, its children and those that have ended. */
export function postgresCpu(postmaster: number): number {
  const times = readTimes(postmaster)
  if (!times) return Number.NaN
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readTimes)
    .filter((child) => child?.parent === postmaster)
  return children.reduce((sum, child) => sum + (child?.own ?? 0), times.own + times.ended)
}

export const postmasterPid = (dir: string): number => Number(readFileSync(join(dir, 'data/postmaster.pid'), 'utf8').split('\n')[0])
