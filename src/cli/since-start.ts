// How long the user has waited: since npm was started, where npm started us, else since this process was.
import { readFileSync } from 'node:fs'

/** Of Linux, for times in /proc. */
const ticksPerSecond = 100

interface Ancestor {
  parent: number
  command: string
  /** Seconds after the machine was started. */
  started: number
}

export function secondsSinceStart(): number {
  try {
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
    return uptime - findFirst().started
  } catch {
    // Only Linux has /proc.
    return performance.now() / 1000
  }
}

/** npm starts a shell, which starts us; all of them are the one command that the user typed. */
function findFirst(): Ancestor {
  let first = readProcess(process.pid)
  if (!process.env['npm_lifecycle_event']) return first
  for (let next = readProcess(first.parent); /^(npm|sh)\b/.test(next.command); next = readProcess(next.parent)) {
    first = next
    if (next.command.startsWith('npm')) break
  }
  return first
}

function readProcess(pid: number): Ancestor {
  // The name in parentheses may hold anything, so what comes after it is counted from its end.
  const [, command = '', rest = ''] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
  const fields = rest.split(' ')
  return { parent: Number(fields[1]), command, started: Number(fields[19]) / ticksPerSecond }
}
