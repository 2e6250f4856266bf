import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { Store } from '../postgres/store.ts'
import { findLiveKeys, findViewers, hashSecret, keysTopic, markUsed, type Viewer } from './key.ts'
import { createLookUp } from './look-up.ts'

/** Knows which secret belongs to whom, and forgets at once when a key is revoked. */
export interface Keyring {
  /** The caller that a secret stands for; null when it is unknown, expired or revoked. */
  authenticate(secret: string): Promise<Viewer | null>
  /** Calls `ended` once when the key is revoked or expires, those who have waited longest first. Returns the way to stop waiting. */
  onEnd(viewer: Viewer, ended: () => void): () => void
  close(): Promise<void>
}

interface Known {
  viewer: Viewer
  checkedAt: number
  markedAt: number
}

/** A key that was looked up this long ago is looked up again, in case a notice was lost. */
const trustMs = 20_000
const mostKnown = 10_000
/** "Last used" is right to a minute; more would cost a write for each request. */
const markMs = 60_000
const longestTimer = 2 ** 31 - 1
/** While Postgres does not say whether a key is live, it is asked so often. */
const retryMs = 1_000

export function openKeyring({ db, events }: Pick<Store, 'db' | 'events'>, log: Log): Keyring {
  const known = new Map<string, Known>()
  const waiting = new Map<string, Set<() => void>>()
  const unsure = new Set<string>()
  const viewers = createLookUp(async (hashes: readonly string[]) => {
    const found = await findViewers(db, hashes)
    return (hash) => found.get(hash) ?? null
  })
  const liveness = createLookUp(async (keyIds: readonly string[]) => {
    const live = await findLiveKeys(db, keyIds)
    return (keyId) => live.has(keyId)
  })
  const check = async (keyId: string) => {
    const isLive = await liveness.load(keyId).catch(() => 'unknown' as const)
    if (isLive === 'unknown') return askAgain(keyId)
    if (isLive) return
    for (const ended of [...(waiting.get(keyId) ?? [])]) ended()
    waiting.delete(keyId)
  }
  const askAgain = (keyId: string) => {
    if (unsure.has(keyId)) return
    unsure.add(keyId)
    setTimeout(() => {
      unsure.delete(keyId)
      if (waiting.has(keyId)) void check(keyId)
    }, retryMs).unref()
  }
  let revocations = 0
  const unwatch = events.watch(keysTopic, () => {
    revocations++
    known.clear()
    for (const keyId of waiting.keys()) void check(keyId)
  })

  const mark = (entry: Known) => {
    if (Date.now() - entry.markedAt < markMs) return
    entry.markedAt = Date.now()
    markUsed(db, entry.viewer.keyId).catch((error) => limitLog(log).warn({ error: String(error) }, 'last use of a key was not noted'))
  }

  return {
    async authenticate(secret) {
      const hash = hashSecret(secret)
      const entry = known.get(hash)
      const now = Date.now()
      if (entry && now - entry.checkedAt < trustMs && (!entry.viewer.expiresAt || entry.viewer.expiresAt.getTime() > now)) {
        mark(entry)
        return entry.viewer
      }
      const before = revocations
      const viewer = await viewers.load(hash)
      if (!viewer) return null
      // What was read while something was revoked may be old: good for this once, but not to be remembered.
      if (before !== revocations) return (await liveness.load(viewer.keyId)) ? viewer : null
      if (known.size >= mostKnown) known.clear()
      const fresh = { viewer, checkedAt: now, markedAt: entry?.markedAt ?? 0 }
      known.set(hash, fresh)
      mark(fresh)
      return viewer
    },

    onEnd(viewer, ended) {
      const others = waiting.get(viewer.keyId) ?? new Set()
      waiting.set(viewer.keyId, others.add(ended))
      let timer: NodeJS.Timeout | undefined
      const awaitExpiry = (expiresAt: Date) => {
        const ms = expiresAt.getTime() - Date.now() + 50
        // No timer is as long as a month.
        timer = setTimeout(() => (ms > longestTimer ? awaitExpiry(expiresAt) : void check(viewer.keyId)), Math.min(longestTimer, ms)).unref()
      }
      if (viewer.expiresAt) awaitExpiry(viewer.expiresAt)
      // It may have ended between being let in and waiting here.
      void check(viewer.keyId)
      return () => {
        clearTimeout(timer)
        others.delete(ended)
        if (others.size === 0 && waiting.get(viewer.keyId) === others) waiting.delete(viewer.keyId)
      }
    },

    async close() {
      unwatch()
      waiting.clear()
    },
  }
}
