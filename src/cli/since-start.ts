// The time that the user has waited: since the start of npm, if npm started this process, otherwise since its own start.
import { readFileSync } from 'node:fs'

/** The unit of times in Linux's /proc. */
const ticksPerSecond = 100

interface Ancestor {
  parent: number
  command: string
  /** Seconds from the start of the machine to that of the process. */
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

/** Finds the process of the command that the user typed: npm starts a shell, which starts this process. */
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
  // The name in parentheses can contain any characters, so the fields are counted from its end.
  const [, command = '', rest = ''] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
  const fields = rest.split(' ')
  return { parent: Number(fields[1]), command, started: Number(fields[19]) / ticksPerSecond }
}
