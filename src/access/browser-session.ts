// Browsers that are signed in to the dashboard. The cookie holds a random token that stands for the row, and the
// row for the key that signed in. Deleting the row ends the session in every process.
import { randomBytes } from 'node:crypto'
import { and, desc, eq, lt, notInArray, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Context, checkScope, type Service, type Viewer } from '../domain/context.ts'
import { type ExpectedError, SessionNotFoundError } from '../domain/errors.ts'
import { type Order, type PageArgs, readPage } from '../domain/pagination.ts'
import { isLiveSession, sessionDays } from '../domain/retention.ts'
import type { Db } from '../postgres/client.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { ring } from '../postgres/events.ts'
import { type KeyRow, keys, type SessionRow, sessions } from '../postgres/tables.ts'
import { hashSecret } from './key.ts'
/** A key that signs in more often ends the session of it that was used longest ago. */
export const maxSessionsPerKey = 100
/** "Last used" is right to a minute; more would cost a write for each request. */
const markSeconds = 60
const maxUserAgent = 300

/** Rung when a session ends, in every process that may have it in mind. */
export const sessionsTopic = 'sessions'

/** A session with the key that signed in. */
export type Session = SessionRow & { key: KeyRow }

/** Starts a session for a key that has let its caller in; answers the token for the browser's cookie. */
export async function startSession({ store }: Service, { keyId, workspaceId }: Viewer, userAgent: string | undefined): Promise<string> {
  const token = `css_${randomBytes(32).toString('base64url')}`
  await store.db.transaction(async (tx) => {
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
    if (ended.length) await ring(tx, [sessionsTopic])
  })
  return token
}

/** Ends the session of a cookie, in every process; nothing happens when it has ended already. */
export const endSession = (service: Service, token: string): Promise<unknown> => removeSession(service, eq(sessions.tokenHash, hashSecret(token)))

/** Ends a session by its id, its open sockets included. */
export async function revokeSession(ctx: Context, id: string): Promise<{ id: string } | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  return (await removeSession(ctx, and(eq(sessions.workspaceId, ctx.viewer.workspaceId), eq(sessions.id, id)))) ?? new SessionNotFoundError()
}

async function removeSession({ store, keyring }: Service, where: SQL | undefined): Promise<{ id: string } | undefined> {
  const removed = await store.db.transaction(async (tx) => {
    const [session] = await tx.delete(sessions).where(where).returning({ id: sessions.id })
    if (session) await ring(tx, [sessionsTopic])
    return session
  })
  // The notice may come after the answer to whoever ended it.
  keyring.recheck()
  return removed
}

/** Who comes with the tokens of these hashes; those of sessions that have ended are left out. */
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

/** Which of the sessions have not ended. */
export async function findLiveSessions(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const found = await db
    .select({ id: sessions.id })
    .from(sessions)
    .innerJoin(keys, eq(keys.id, sessions.keyId))
    .where(and(sql`${sessions.id} = any(${sql.param(ids)}::uuid[])`, isLiveSession()))
  return new Set(found.map(({ id }) => id))
}

/** Notes that the sessions are used now, unless that was noted within the last minute. */
export async function markSessionsUsed(db: Db, ids: readonly string[]): Promise<void> {
  const isOld = lt(sessions.lastUsedAt, sql`now() - make_interval(secs => ${sql.raw(String(markSeconds))})`)
  if (ids.length)
    await db
      .update(sessions)
      .set({ lastUsedAt: sql`now()` })
      .where(and(isAnyOf(sessions.id, ids), isOld))
}

const newestFirst: Order<Session> = { columns: [sql`${sessions.id}`], keys: ({ id }) => [id], shape: z.tuple([z.uuid()]), descending: true }

/** The workspace's sessions that have not ended, newest first. */
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

export async function findSession({ store, viewer }: Context, id: string): Promise<Session | null> {
  const [found] = await selectSessions(store.db, and(eq(sessions.workspaceId, viewer.workspaceId), eq(sessions.id, id), isLiveSession()))
  return found ? { ...found.session, key: found.key } : null
}
