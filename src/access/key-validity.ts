import { and, gt, isNull, or, type SQL, sql } from 'drizzle-orm'
import { keys, sessions } from '../postgres/access-tables.ts'

/** The days for which keys are kept and listed after they were revoked or have expired. */
export const keptAfterEndDays = 30

/** The condition that a key is neither revoked nor expired. */
export const isLive = (): SQL | undefined => and(isNull(keys.revokedAt), or(isNull(keys.expiresAt), gt(keys.expiresAt, sql`now()`)))

/** The minutes for which a repeated request with the same key returns the secret again. */
export const shownAgainMinutes = 10

/** A session ends so many days after the sign-in. */
export const sessionDays = 30

/** A session ends after so many days without use. */
export const sessionIdleDays = 7

/** The condition that a session, joined with its key, is valid. */
export const isLiveSession = (): SQL | undefined =>
  and(gt(sessions.expiresAt, sql`now()`), gt(sessions.lastUsedAt, sql`now() - make_interval(days => ${sql.raw(String(sessionIdleDays))})`), isLive())
