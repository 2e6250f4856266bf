import type { Log } from '../log.ts'
import type { Store } from '../postgres/store.ts'
import { findLiveKey, hashSecret, isKeyLive, keysTopic, markUsed, type Viewer } from './key.ts'

/** Knows which secret belongs to whom, and forgets at once when a key is revoked. */
export interface Keyring {
  /** The caller that a secret stands for; null when it is unknown, expired or revoked. */
  authenticate(secret: string): Promise<Viewer | null>
  /** Calls `ended` once when the key is revoked or expires. Returns the way to stop waiting. */
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

export function openKeyring({ db, events }: Pick<Store, 'db' | 'events'>, log: Log): Keyring {
  const known = new Map<string, Known>()
  const unwatch = events.watch(keysTopic, () => known.clear())

  const mark = (entry: Known) => {
    if (Date.now() - entry.markedAt < markMs) return
    entry.markedAt = Date.now()
    markUsed(db, entry.viewer.keyId).catch((error) => log.warn({ error: String(error) }, 'last use of a key was not noted'))
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
      const viewer = await findLiveKey(db, hash)
      if (!viewer) return null
      if (known.size >= mostKnown) known.clear()
      const fresh = { viewer, checkedAt: now, markedAt: entry?.markedAt ?? 0 }
      known.set(hash, fresh)
      mark(fresh)
      return viewer
    },

    onEnd(viewer, ended) {
      let timer: NodeJS.Timeout | undefined
      const stop = () => {
        unwatchKey()
        clearTimeout(timer)
      }
      const check = async () => {
        // When Postgres is away nobody knows, and the next ring asks again.
        const live = await isKeyLive(db, viewer.keyId).catch(() => true)
        if (live) return
        stop()
        ended()
      }
      const unwatchKey = events.watch(keysTopic, check)
      if (viewer.expiresAt) timer = setTimeout(check, Math.min(longestTimer, viewer.expiresAt.getTime() - Date.now() + 50)).unref()
      return stop
    },

    async close() {
      unwatch()
    },
  }
}
