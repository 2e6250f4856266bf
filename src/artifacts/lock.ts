import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const refreshMs = 1000
/** A lock without a refresh for this long belongs to a process that has ended. */
const staleMs = 6000
const retryMs = 100

/**
 * Runs the work while no other process with the same directory runs work under this path. `waiting` is called regularly
 * while another process holds the lock. A holder that is suspended for seconds loses the lock, so the work must tolerate
 * a second process.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, { signal, waiting }: { signal: AbortSignal; waiting: () => unknown }): Promise<T> {
  const owner = crypto.randomUUID()
  while (!(await take(path, owner))) {
    await waiting()
    await delay(retryMs, undefined, { signal })
  }
  const refresh = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), refreshMs)
  try {
    return await work()
  } finally {
    clearInterval(refresh)
    // Another process can have replaced a stale lock by its own.
    if ((await readFile(path, 'utf8').catch(() => '')) === owner) await rm(path, { force: true })
  }
}

async function take(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  if (await isStale(path)) {
    // Of several processes that find a stale lock, only one can rename it.
    const away = `${path}.${crypto.randomUUID()}`
    await rename(path, away).then(
      () => rm(away, { force: true }),
      () => {},
    )
  }
  return false
}

const ageOf = async (path: string) =>
  stat(path).then(
    // With the absolute value, a lock also expires after the clock was set back.
    ({ mtimeMs }) => Math.abs(Date.now() - mtimeMs),
    () => undefined,
  )

async function isStale(path: string): Promise<boolean> {
  return ((await ageOf(path)) ?? 0) > staleMs
}

/** True while a living process holds the path. */
export async function isLocked(path: string): Promise<boolean> {
  return ((await ageOf(path)) ?? Number.POSITIVE_INFINITY) <= staleMs
}
