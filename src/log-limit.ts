import type { Log } from './log.ts'

const everyMs = 60_000

interface Last {
  at: number
  skipped: number
}

const lasts = new WeakMap<Log, Map<string, Last>>()
/** Bounds the memory. The service uses only a few subjects. */
const maxSubjects = 100

/**
 * Logs at most one line a minute for each subject, by default the message. The next line has the number of skipped
 * lines. For errors that repeat many times a second while a part of the system is unavailable.
 */
export function limitLog(log: Log) {
  const write =
    (level: 'error' | 'warn') =>
    (details: object, message: string, subject = message) => {
      const known = lasts.get(log) ?? new Map<string, Last>()
      lasts.set(log, known)
      const last = known.get(subject)
      const now = performance.now()
      if (last && now - last.at < everyMs) return void last.skipped++
      if (known.size >= maxSubjects) known.clear()
      known.set(subject, { at: now, skipped: 0 })
      log[level]({ ...details, ...(last?.skipped ? { skipped: last.skipped } : {}) }, message)
    }
  return { error: write('error'), warn: write('warn') }
}
