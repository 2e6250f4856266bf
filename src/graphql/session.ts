import { listSessions, maxSessionsPerKey, revokeSession, type Session as SessionRow } from '../access/browser-session.ts'
import { NotAuthorizedError, SessionNotFoundError } from '../domain/errors.ts'
import { sessionDays, sessionIdleDays } from '../domain/retention.ts'
import { builder } from './builder.ts'
import { unwrapPage } from './connection.ts'
import { Key } from './key.ts'
import { decodeNodeId } from './node-id.ts'
import { asResult, resultUnion } from './result.ts'

const Session = builder.objectRef<SessionRow>('Session')
builder.node(Session, {
  description: `A browser that is signed in to the dashboard. It may do what its key may, and ends at the sign-out, ${sessionIdleDays} days after its last use, ${sessionDays} days after the sign-in, or with the key. A key has at most ${maxSessionsPerKey}: the next sign-in ends the one that was used longest ago.`,
  isTypeOf: (value) => 'tokenHash' in (value as object),
  id: { resolve: ({ id }) => id },
  fields: (t) => ({
    key: t.field({ type: Key, description: 'The key that signed in.', resolve: ({ key }) => key }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'What the browser calls itself (the header User-Agent); null when it does not.' }),
    isCurrent: t.boolean({ description: 'True for the session that this request comes with.', resolve: ({ id }, _, ctx) => id === ctx.viewer.sessionId }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the browser signed in.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', description: 'When it was last used, to a minute.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends, however much it is used.' }),
  }),
})

builder.queryField('sessions', (t) =>
  t.connection(
    {
      type: Session,
      description: "The workspace's sessions that have not ended, newest first.",
      resolve: (_, args, ctx) => unwrapPage(listSessions(ctx, args)),
    },
    {
      name: 'SessionConnection',
      description: 'A page of sessions.',
      fields: (c) => ({ totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'SessionEdge', description: 'A session and its place in the list.' },
  ),
)

const RevokeSessionSuccess = builder.objectRef<{ revoked: { id: string } }>('RevokeSessionSuccess').implement({
  description: 'The browser is signed out.',
  fields: (t) => ({
    revokedId: t.globalID({ description: 'The `id` that the session had.', resolve: ({ revoked }) => ({ type: 'Session', id: revoked.id }) }),
  }),
})
const RevokeSessionResult = resultUnion('RevokeSession', 'That the session has ended, or the reason why it has not.', RevokeSessionSuccess, [
  SessionNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('revokeSession', (t) =>
  t.field({
    type: RevokeSessionResult,
    description: 'Signs a browser out: ends its session for ever, its open sockets within a second. The key stays valid.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a session.' }) },
    resolve: (_, { id }, ctx) => revokeSession(ctx, decodeNodeId('Session', id)).then(asResult('revoked')),
  }),
)
