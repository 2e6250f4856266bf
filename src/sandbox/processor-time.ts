import { readFileSync } from 'node:fs'

/** The unit of times in /proc: a hundredth of a second. */
const tickMs = 10
const minPauseMs = 100

/** The processor time that a process has used; undefined if the process or the system does not tell it. */
function readProcessorMs(pid: number | undefined): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before can have spaces. User time and system time are the twelfth and thirteenth value behind it.
    const [user = 0, system = 0] = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number)
    return (user + system) * tickMs
  } catch {
    return undefined
  }
}

/**
 * Calls `passed` when the time has passed and the process has used the processor for at least half of it, since a
 * process on a busy machine is not to blame for waiting. Without that figure, only the time counts. Returns a function
 * that ends the wait.
 */
export function awaitProcessorTime(pid: number | undefined, ms: number, passed: () => void): () => void {
  const before = readProcessorMs(pid) ?? 0
  const check = () => {
    const used = (readProcessorMs(pid) ?? Number.POSITIVE_INFINITY) - before
    if (used >= ms / 2) passed()
    else timer = setTimeout(check, Math.max(minPauseMs, ms / 2 - used))
  }
  let timer = setTimeout(check, ms)
  return () => clearTimeout(timer)
}
