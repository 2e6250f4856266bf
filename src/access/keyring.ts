import { randomBytes } from 'node:crypto'
import type { Keyring, Viewer } from '../domain/context.ts'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import { createLookUp } from '../postgres/look-up.ts'
import type { Store } from '../postgres/store.ts'
import { findLiveSessions, findSessionViewers, markSessionsUsed, sessionsTopic } from './browser-session.ts'
import { createEndWatch } from './end-watch.ts'
import { findLiveKeys, findViewers, hashSecret, keysTopic, markUsed } from './key.ts'

interface KnownKey {
  viewer: Viewer
  checkedAt: number
  markedAt: number
}

/** The time for which a look-up is trusted, in case a notification was lost. */
const trustMs = 20_000
const maxKnown = 10_000
/** The precision of "last used". A higher precision would cost a write for each request. */
const markMs = 60_000

export function openKeyring({ db, events, now }: Pick<Store, 'db' | 'events' | 'now'>, log: Log): Keyring {
  const known = new Map<string, KnownKey>()
  const viewers = {
    key: createLookUp(async (hashes: readonly string[]) => {
      const found = await findViewers(db, hashes)
      return (hash) => found.get(hash) ?? null
    }),
    session: createLookUp(async (hashes: readonly string[]) => {
      const found = await findSessionViewers(db, hashes)
      return (hash) => found.get(hash) ?? null
    }),
  }
  const ends = {
    key: createEndWatch((ids) => findLiveKeys(db, ids), now),
    session: createEndWatch(async (ids) => {
      const live = await findLiveSessions(db, ids)
      // An open page counts as use of its session, with or without requests.
      note(markSessionsUsed(db, [...live]))
      return live
    }, now),
  }
  const isLive = ({ keyId, sessionId }: Pick<Viewer, 'keyId' | 'sessionId'>) => (sessionId ? ends.session.isLive(sessionId) : ends.key.isLive(keyId))

  let endings = 0
  const forget = (isOver: (viewer: Viewer) => boolean) => {
    endings++
    for (const [name, { viewer }] of known) if (isOver(viewer)) known.delete(name)
  }
  const recheck = () => {
    forget(() => true)
    ends.key.checkAll()
    ends.session.checkAll()
  }
  const unwatchKeys = events.watch(keysTopic, recheck)
  const unwatchSessions = events.watch(sessionsTopic, () => {
    forget(({ sessionId }) => sessionId !== undefined)
    ends.session.checkAll()
  })

  const note = (marking: Promise<void>) => {
    marking.catch((error) => limitLog(log).warn({ reason: error }, 'the last use of a key was not recorded'))
  }
  const mark = (entry: KnownKey) => {
    if (now() - entry.markedAt < markMs) return
    entry.markedAt = now()
    const { keyId, sessionId } = entry.viewer
    note(markUsed(db, keyId))
    if (sessionId) note(markSessionsUsed(db, [sessionId]))
  }

  const sessionPrefix = `css_${randomBytes(32).toString('base64url')}.`
  const findViewer = (secret: string) =>
    secret.startsWith(sessionPrefix) ? viewers.session.load(hashSecret(secret.slice(sessionPrefix.length))) : viewers.key.load(hashSecret(secret))

  return {
    secretOfSession: (token) => sessionPrefix + token,

    async authenticate(secret) {
      const name = hashSecret(secret)
      const entry = known.get(name)
      const checkedAt = now()
      if (entry && checkedAt - entry.checkedAt < trustMs && (!entry.viewer.expiresAt || entry.viewer.expiresAt.getTime() > checkedAt)) {
        mark(entry)
        return entry.viewer
      }
      const before = endings
      const viewer = await findViewer(secret)
      if (!viewer) return null
      // A key or session ended during the read, so the result can be outdated and is not cached.
      if (before !== endings) return (await isLive(viewer)) ? viewer : null
      if (known.size >= maxKnown) known.clear()
      const fresh = { viewer, checkedAt, markedAt: entry?.markedAt ?? 0 }
      known.set(name, fresh)
      mark(fresh)
      return viewer
    },

    isLive,
    onEnd({ keyId, sessionId, expiresAt }, ended) {
      return sessionId ? ends.session.wait(sessionId, expiresAt, ended) : ends.key.wait(keyId, expiresAt, ended)
    },
    recheck,

    async close() {
      unwatchKeys()
      unwatchSessions()
      ends.key.close()
      ends.session.close()
    },
  }
}
