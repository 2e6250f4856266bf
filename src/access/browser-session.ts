// Browsers that are signed in to the dashboard. The cookie contains a random token that identifies the row, and the
// row refers to the key that signed in. Deleting the row ends the session in every process.
import { randomBytes } from 'node:crypto'
import { and, desc, eq, lt, notInArray, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Context, checkScope, type Service, type Viewer } from '../domain/context.ts'
import { type ExpectedError, SessionNotFoundError } from '../domain/errors.ts'
import { type Order, type PageArgs, readPage } from '../domain/pagination.ts'
import { type KeyRow, keys, type SessionRow, sessions } from '../postgres/access-tables.ts'
import type { Db } from '../postgres/client.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { notify } from '../postgres/notification.ts'
import { hashSecret } from './key.ts'
import { isLiveSession, sessionDays } from './key-validity.ts'
/** The maximum number of sessions of a key. Another sign-in ends the least recently used session. */
export const maxSessionsPerKey = 100
/** The precision of "last used". A higher precision would cost a write for each request. */
const markSeconds = 60
const maxUserAgent = 300

/** The topic that notifies every process when a session ends. */
export const sessionsTopic = 'sessions'

/** A session with the key that signed in. */
export type BrowserSession = SessionRow & { key: KeyRow }

/** Starts a session for an authenticated key. Returns the token for the browser's cookie. */
export async function startSession({ store, keyring }: Service, { keyId, workspaceId }: Viewer, userAgent: string | undefined): Promise<string> {
  const token = `css_${randomBytes(32).toString('base64url')}`
  const hasEnded = await store.db.transaction(async (tx) => {
    await tx.insert(sessions).values({
      workspaceId,
      keyId,
      tokenHash: hashSecret(token),
      userAgent: userAgent?.replace(/\p{C}/gu, '').slice(0, maxUserAgent) || null,
      expiresAt: sql`now() + make_interval(days => ${sql.raw(String(sessionDays))})`,
    })
    const newest = tx
      .select({ id: sessions.id })
      .from(sessions)
      .where(eq(sessions.keyId, keyId))
      .orderBy(desc(sessions.lastUsedAt), desc(sessions.id))
      .limit(maxSessionsPerKey)
    const ended = await tx
      .delete(sessions)
      .where(and(eq(sessions.keyId, keyId), notInArray(sessions.id, newest)))
      .returning({ id: sessions.id })
    if (ended.length) await notify(tx, [sessionsTopic])
    return ended.length > 0
  })
  // The notification can arrive after the response to this browser.
  if (hasEnded) keyring.recheck()
  return token
}

/** Ends the session of a cookie in every process. Does nothing when the session has already ended. */
export const endSession = (service: Service, token: string): Promise<unknown> => removeSession(service, eq(sessions.tokenHash, hashSecret(token)))

/** Ends a session by its id, and closes its sockets. */
export async function revokeSession(ctx: Context, id: string): Promise<{ id: string } | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  return (await removeSession(ctx, and(eq(sessions.workspaceId, ctx.viewer.workspaceId), eq(sessions.id, id)))) ?? new SessionNotFoundError()
}

async function removeSession({ store, keyring }: Service, where: SQL | undefined): Promise<{ id: string } | undefined> {
  const removed = await store.db.transaction(async (tx) => {
    const [session] = await tx.delete(sessions).where(where).returning({ id: sessions.id })
    if (session) await notify(tx, [sessionsTopic])
    return session
  })
  // The notification can arrive after the response to the client that ended the session.
  keyring.recheck()
  return removed
}

/** The callers with the tokens of these hashes. Ended sessions are omitted. */
export async function findSessionViewers(db: Db, tokenHashes: readonly string[]): Promise<Map<string, Viewer>> {
  const found = await db
    .select({ session: sessions, key: keys })
    .from(sessions)
    .innerJoin(keys, eq(keys.id, sessions.keyId))
    .where(and(sql`${sessions.tokenHash} = any(${sql.param(tokenHashes)}::text[])`, isLiveSession()))
  return new Map(found.map(({ session, key }) => [session.tokenHash, toViewer(session, key)]))
}

function toViewer({ id: sessionId, expiresAt }: SessionRow, { id: keyId, workspaceId, scopes, isBootstrap, expiresAt: keyExpiresAt }: KeyRow): Viewer {
  return { keyId, sessionId, workspaceId, scopes, isBootstrap, expiresAt: keyExpiresAt && keyExpiresAt < expiresAt ? keyExpiresAt : expiresAt }
}

/** The sessions that have not ended. */
export async function findLiveSessions(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const found = await db
    .select({ id: sessions.id })
    .from(sessions)
    .innerJoin(keys, eq(keys.id, sessions.keyId))
    .where(and(sql`${sessions.id} = any(${sql.param(ids)}::uuid[])`, isLiveSession()))
  return new Set(found.map(({ id }) => id))
}

/** Sets the last use of the sessions to now, unless it is less than a minute ago. */
export async function markSessionsUsed(db: Db, ids: readonly string[]): Promise<void> {
  const isOld = lt(sessions.lastUsedAt, sql`now() - make_interval(secs => ${sql.raw(String(markSeconds))})`)
  if (ids.length)
    await db
      .update(sessions)
      .set({ lastUsedAt: sql`now()` })
      .where(and(isAnyOf(sessions.id, ids), isOld))
}

const newestFirst: Order<BrowserSession> = { columns: [sql`${sessions.id}`], keys: ({ id }) => [id], shape: z.tuple([z.uuid()]), descending: true }

/** The sessions of the workspace that have not ended, newest first. */
export function listSessions({ store, viewer }: Context, args: PageArgs) {
  const where = and(eq(sessions.workspaceId, viewer.workspaceId), isLiveSession())
  return readPage(args, newestFirst, {
    select: async (bounds, orderBy, limit) => {
      const found = await selectSessions(store.db, and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit)
      return found.map(({ session, key }) => ({ ...session, key }))
    },
    count: async () => {
      const [counted] = await store.db.select({ sessions: sql<number>`count(*)::int` }).from(sessions).innerJoin(keys, eq(keys.id, sessions.keyId)).where(where)
      return counted?.sessions ?? 0
    },
  })
}

const selectSessions = (db: Db, where: SQL | undefined) =>
  db.select({ session: sessions, key: keys }).from(sessions).innerJoin(keys, eq(keys.id, sessions.keyId)).where(where)

export async function findSession({ store, viewer }: Context, id: string): Promise<BrowserSession | null> {
  const [found] = await selectSessions(store.db, and(eq(sessions.workspaceId, viewer.workspaceId), eq(sessions.id, id), isLiveSession()))
  return found ? { ...found.session, key: found.key } : null
}
