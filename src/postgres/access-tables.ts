import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, pgEnum, primaryKey, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
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
    /** The SHA-256 of the secret in hex. The secret is not stored. */
    secretHash: text().notNull(),
    scopes: keyScope().array().notNull(),
    /** True for a key that can create workspaces. */
    isBootstrap: boolean().notNull().default(false),
    /** True for a bootstrap key from the configuration, which ends with the configuration. */
    isConfigured: boolean().notNull().default(false),
    lastUsedAt: time(),
    expiresAt: time(),
    revokedAt: time(),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex().on(t.secretHash), index().on(t.workspaceId, t.id)],
)

/** Browsers that are signed in to the dashboard. A session ends with its key, and its row is deleted at the sign-out. */
export const sessions = snakeCase.table(
  'sessions',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    /** The key that signed in. The session has the scopes of the key. */
    keyId: uuid()
      .notNull()
      .references(() => keys.id, { onDelete: 'cascade' }),
    /** The SHA-256 of the token in the cookie, in hex. The token is not stored. */
    tokenHash: text().notNull(),
    /** The User-Agent header of the browser. */
    userAgent: text(),
    createdAt: createdAt(),
    lastUsedAt: createdAt(),
    expiresAt: time().notNull(),
  },
  (t) => [uniqueIndex().on(t.tokenHash), index().on(t.workspaceId), index().on(t.keyId), index().on(t.expiresAt)],
)

/** The object that an idempotency key created, and a hash of the input. No foreign keys, since the record outlives the object. */
export const idempotencyKeys = snakeCase.table(
  'idempotency_keys',
  {
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    key: text().notNull(),
    inputHash: text().notNull(),
    /** Exactly one of these ids is set. */
    deploymentId: uuid(),
    modelId: uuid(),
    keyId: uuid(),
    testSetId: uuid(),
    evaluationId: uuid(),
    /** The number of the revision of the deployment, if the request created one. */
    revision: integer(),
    /** The encrypted secret of a new key, for a repetition within some minutes. */
    sealedSecret: text(),
    /** Set when the object is deleted. */
    expiresAt: time(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.key] }),
    index().on(t.deploymentId),
    index().on(t.modelId),
    index().on(t.keyId),
    index().on(t.testSetId),
    index().on(t.evaluationId),
    index().on(t.expiresAt).where(sql`${t.expiresAt} is not null`),
    check('idempotency_keys_made', sql`num_nonnulls(${t.deploymentId}, ${t.modelId}, ${t.keyId}, ${t.testSetId}, ${t.evaluationId}) = 1`),
  ],
)

export type KeyRow = typeof keys.$inferSelect

export type SessionRow = typeof sessions.$inferSelect
