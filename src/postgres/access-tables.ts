import { boolean, index, pgEnum, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, time } from './columns.ts'
import { workspaces } from './tables.ts'

export const keyScope = pgEnum('key_scope', ['MANAGE', 'READ', 'RECOGNIZE'])

export type KeyScope = (typeof keyScope.enumValues)[number]

export const keys = snakeCase.table(
  'keys',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    prefix: text().notNull(),
    /** SHA-256 of the secret, in hex; the secret itself is not kept. */
    secretHash: text().notNull(),
    scopes: keyScope().array().notNull(),
    /** The bootstrap key alone may make workspaces. */
    isBootstrap: boolean().notNull().default(false),
    /** True for a bootstrap key that came from the configuration, and ends with it. */
    isConfigured: boolean().notNull().default(false),
    lastUsedAt: time(),
    expiresAt: time(),
    revokedAt: time(),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex().on(t.secretHash), index().on(t.workspaceId)],
)

/** Browsers that are signed in to the dashboard. A row ends with its key, and is deleted at the sign-out. */
export const sessions = snakeCase.table(
  'sessions',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    /** The key that signed in: the session opens as much as the key does. */
    keyId: uuid()
      .notNull()
      .references(() => keys.id, { onDelete: 'cascade' }),
    /** SHA-256 of the token in the cookie, in hex; the token itself is not kept. */
    tokenHash: text().notNull(),
    /** What the browser calls itself. */
    userAgent: text(),
    createdAt: createdAt(),
    lastUsedAt: createdAt(),
    expiresAt: time().notNull(),
  },
  (t) => [uniqueIndex().on(t.tokenHash), index().on(t.workspaceId), index().on(t.keyId), index().on(t.expiresAt)],
)

export type KeyRow = typeof keys.$inferSelect

export type SessionRow = typeof sessions.$inferSelect
