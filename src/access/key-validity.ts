import { and, gt, isNull, or, type SQL, sql } from 'drizzle-orm'
import { keys, sessions } from '../postgres/access-tables.ts'

/** Keys are kept and listed for so long after they were revoked or have expired. */
export const keptAfterEndDays = 30

/** The condition that a key is neither revoked nor expired. */
export const isLive = (): SQL | undefined => and(isNull(keys.revokedAt), or(isNull(keys.expiresAt), gt(keys.expiresAt, sql`now()`)))

/** A secret whose answer was lost is shown again for so long, to the key that asked for it. */
export const shownAgainMinutes = 10

/** A session ends so long after the sign-in, however much it is used. */
export const sessionDays = 30

/** A session that is not used for so long ends. */
export const sessionIdleDays = 7

/** The condition that a session, joined with its key, still lets its browser in. */
export const isLiveSession = (): SQL | undefined =>
  and(gt(sessions.expiresAt, sql`now()`), gt(sessions.lastUsedAt, sql`now() - make_interval(days => ${sql.raw(String(sessionIdleDays))})`), isLive())
