import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const refreshMs = 1000
/** A lock that has not been refreshed for this long was left by a process that is no more. */
const staleMs = 6000
const askAgainMs = 100

/**
 * Runs the work while no other process with the same directory runs work under this path. `waiting` is
 * called now and then while another one does. The holder may be overtaken when it stands still for
 * seconds, so what it does must bear that.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, { signal, waiting }: { signal: AbortSignal; waiting: () => unknown }): Promise<T> {
  const owner = crypto.randomUUID()
  while (!(await take(path, owner))) {
    await waiting()
    await delay(askAgainMs, undefined, { signal })
  }
  const refresh = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), refreshMs)
  try {
    return await work()
  } finally {
    clearInterval(refresh)
    // Whoever found it stale holds a lock of its own by now.
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
    // Of several that find it stale, one succeeds in moving it away.
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
    // A clock that was set back makes none of them last for ever.
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
