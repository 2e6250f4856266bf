import { type BrowserSession, listSessions, maxSessionsPerKey, revokeSession } from '../access/browser-session.ts'
import { sessionDays, sessionIdleDays } from '../access/key-validity.ts'
import { NotAuthorizedError, SessionNotFoundError } from '../domain/errors.ts'
import { builder } from './builder.ts'
import { Key } from './key.ts'
import { decodeNodeId } from './node-id.ts'
import { unwrapPage } from './pagination.ts'
import { asResult, resultUnion } from './result.ts'

const Session = builder.objectRef<BrowserSession>('Session')
builder.node(Session, {
  description: `The session of a browser that is signed in to the dashboard. A session has the permissions of its key. A session ends at the sign-out, ${sessionIdleDays} days after its last use, ${sessionDays} days after the sign-in, or with the key. A key has at most ${maxSessionsPerKey} sessions: the next sign-in ends the least recently used session.`,
  isTypeOf: (value) => 'tokenHash' in (value as object),
  id: { resolve: ({ id }) => id },
  fields: (t) => ({
    key: t.field({ type: Key, description: 'The key used for the sign-in.', resolve: ({ key }) => key }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'The User-Agent header of the browser; null without the header.' }),
    isCurrent: t.boolean({ description: 'True for the session of this request.', resolve: ({ id }, _, ctx) => id === ctx.viewer.sessionId }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of the sign-in.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', description: 'The time of the last use of the session, to a minute.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'The time at which the session ends, regardless of its use.' }),
  }),
})

builder.queryField('sessions', (t) =>
  t.connection(
    {
      type: Session,
      description: 'The active sessions of the workspace, newest first.',
      resolve: (_, args, ctx) => unwrapPage(listSessions(ctx, args)),
    },
    {
      name: 'SessionConnection',
      description: 'A page of sessions.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of sessions on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'SessionEdge', description: 'A session and its place in the list.' },
  ),
)

const RevokeSessionSuccess = builder.objectRef<{ revoked: { id: string } }>('RevokeSessionSuccess').implement({
  description: 'The browser is signed out.',
  fields: (t) => ({
    revokedId: t.globalID({ description: 'The `id` of the revoked session.', resolve: ({ revoked }) => ({ type: 'Session', id: revoked.id }) }),
  }),
})
const RevokeSessionResult = resultUnion('RevokeSession', 'The `id` of the revoked session, or the reason for the refusal.', RevokeSessionSuccess, [
  SessionNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('revokeSession', (t) =>
  t.field({
    type: RevokeSessionResult,
    description: 'Signs a browser out: ends the session permanently, and the open sockets of the session within a second. The key stays valid.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a session.' }) },
    resolve: (_, { id }, ctx) => revokeSession(ctx, decodeNodeId('Session', id)).then(asResult('revoked')),
  }),
)
