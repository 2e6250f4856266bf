import { hash, randomBytes } from 'node:crypto'
import DataLoader from 'dataloader'
import { and, eq, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Context, checkScope, inTransaction, type Viewer } from '../domain/context.ts'
import {
  ExpectedError,
  KeyConfiguredError,
  KeyNotFoundError,
  LastManageKeyError,
  NotAuthorizedError,
  QuotaExceededError,
  ValidationError,
  WorkspaceNotFoundError,
} from '../domain/errors.ts'
import { findEarlier, idempotencyKeyText, remember } from '../domain/idempotency.ts'
import { type Order, type PageArgs, readPage } from '../domain/pagination.ts'
import { nameText, validate } from '../domain/validation.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import { type KeyRow, type KeyScope, keyScope, keys } from '../postgres/access-tables.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { notify } from '../postgres/notification.ts'
import { workspaces } from '../postgres/tables.ts'
import { isConfiguredNow } from './configured-key.ts'
import { isLive, shownAgainMinutes } from './key-validity.ts'

/** The topic that notifies every process when a key is revoked. */
export const keysTopic = 'keys'

/** 256 random bits after a prefix that people, secret scanners and the log recognize. */
export const generateSecret = () => `cs_${randomBytes(32).toString('base64url')}`

/** The beginning of a secret, which identifies a key for people. */
export const prefixOf = (secret: string) => secret.slice(0, 10)

export const hashSecret = (secret: string) => hash('sha256', secret, 'hex')

/** The callers with the keys of these hashes. Unknown, expired and revoked keys are omitted. */
export async function findViewers(db: Db, secretHashes: readonly string[]): Promise<Map<string, Viewer>> {
  const found = await db
    .select()
    .from(keys)
    .where(and(sql`${keys.secretHash} = any(${sql.param(secretHashes)}::text[])`, isLive()))
  return new Map(
    found.map(({ secretHash, id: keyId, workspaceId, scopes, isBootstrap, expiresAt }) => [secretHash, { keyId, workspaceId, scopes, isBootstrap, expiresAt }]),
  )
}

/** The keys that are neither revoked nor expired. */
export async function findLiveKeys(db: Db, keyIds: readonly string[]): Promise<Set<string>> {
  const found = await db
    .select({ id: keys.id })
    .from(keys)
    .where(and(sql`${keys.id} = any(${sql.param(keyIds)}::uuid[])`, isLive()))
  return new Set(found.map(({ id }) => id))
}

export async function markUsed(db: Db, keyId: string): Promise<void> {
  await db.update(keys).set({ lastUsedAt: sql`now()` }).where(eq(keys.id, keyId))
}

export interface CreatedKey {
  key: KeyRow
  /** Null for a repetition that comes late or from another key, since only a hash is kept for longer. */
  secret: string | null
}

export interface NewKey {
  /** A workspace other than the caller's, which needs the bootstrap key. */
  workspaceId?: string | undefined
  name: string
  scopes: readonly KeyScope[]
  expiresAt?: Date | null | undefined
  /** A repetition with the same idempotency key and input returns the same key. */
  idempotencyKey?: string | null | undefined
}

/** The input of a repetition, whose expiry can be in the past. */
const repeatedKey = z.object({
  name: nameText,
  scopes: z.array(z.enum(keyScope.enumValues)).min(1, 'must have at least one scope'),
  expiresAt: z.date().nullish(),
  idempotencyKey: idempotencyKeyText,
})
const newKey = (now: number) =>
  repeatedKey.extend({
    expiresAt: z
      .date()
      .refine((moment) => moment.getTime() > now, 'must be in the future')
      .nullish(),
  })

export async function createKey(ctx: Context, wanted: NewKey): Promise<CreatedKey | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const input = validate(repeatedKey, wanted)
  const checked = validate(newKey(ctx.store.now()), wanted)
  if (input instanceof ValidationError) return checked instanceof ValidationError ? checked : input
  const workspaceId = wanted.workspaceId ?? ctx.viewer.workspaceId
  if (workspaceId !== ctx.viewer.workspaceId && !ctx.viewer.isBootstrap) return new NotAuthorizedError(null)
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    if (!(await tx.$count(workspaces, eq(workspaces.id, workspaceId)))) return new WorkspaceNotFoundError()
    const { name, idempotencyKey } = input
    const values = { workspaceId, name, scopes: [...new Set(input.scopes)].sort(), expiresAt: input.expiresAt ?? null }
    const earlier = idempotencyKey && (await findEarlierKey(ctx, tx, idempotencyKey, values))
    if (earlier) return earlier
    if (checked instanceof ValidationError) return checked
    const used = await tx.$count(keys, and(eq(keys.workspaceId, workspaceId), isLive()))
    if (used >= ctx.limits.keys) return new QuotaExceededError('keys', ctx.limits.keys, used)
    const created = await addKey(tx, values)
    if (idempotencyKey) await rememberKey(ctx, tx, idempotencyKey, values, created)
    return created
  })
}

/** The key that this idempotency key created, with its secret when the caller can see the secret again. */
export async function findEarlierKey(
  { viewer, sealing }: Context,
  tx: Tx,
  idempotencyKey: string,
  input: object,
): Promise<CreatedKey | ExpectedError | undefined> {
  const earlier = await findEarlier(tx, 'key', viewer.workspaceId, idempotencyKey, input)
  if (!earlier || earlier instanceof ExpectedError) return earlier
  const opened = earlier.sealedSecret ? sealing.open(earlier.sealedSecret) : null
  const [madeBy, secret] = opened?.split(' ') ?? []
  return { key: earlier.made, secret: madeBy === viewer.keyId ? (secret ?? null) : null }
}

export async function rememberKey(
  { viewer, sealing, store }: Context,
  tx: Tx,
  idempotencyKey: string,
  input: object,
  { key, secret }: CreatedKey,
): Promise<void> {
  const sealedSecret = sealing.seal(`${viewer.keyId} ${secret}`, store.now() + shownAgainMinutes * 60_000)
  await remember(tx, viewer.workspaceId, idempotencyKey, input, { keyId: key.id, sealedSecret })
}

/** Inserts a key with a new secret. */
export async function addKey(tx: Tx, values: Omit<typeof keys.$inferInsert, 'prefix' | 'secretHash'>): Promise<CreatedKey> {
  const secret = generateSecret()
  const [key] = await tx
    .insert(keys)
    .values({ ...values, prefix: prefixOf(secret), secretHash: hashSecret(secret) })
    .returning()
  if (!key) throw new Error('A new key was not inserted.')
  return { key, secret }
}

/**
 * Ends a key at once, and closes its sockets. Revoking a revoked key succeeds and changes nothing. Runs under the lock
 * of the workspace, so that two keys cannot revoke each other.
 */
export async function revokeKey(ctx: Context, id: string): Promise<KeyRow | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const key = await findKey(inTransaction(ctx, tx), id)
    if (!key) return new KeyNotFoundError()
    if (key.isConfigured && (await isConfiguredNow(tx, key.secretHash))) return new KeyConfiguredError()
    if (await isLastManageKey(tx, key)) return new LastManageKeyError()
    const [revoked] = await tx
      .update(keys)
      .set({ revokedAt: sql`coalesce(${keys.revokedAt}, now())` })
      .where(eq(keys.id, id))
      .returning()
    await notify(tx, [keysTopic])
    return revoked ?? new KeyNotFoundError()
  }).finally(ctx.keyring.recheck)
}

/** True for the only key that can manage the workspace. */
async function isLastManageKey(tx: Tx, { id, workspaceId }: KeyRow): Promise<boolean> {
  const managing = await tx
    .select({ id: keys.id })
    .from(keys)
    .where(and(eq(keys.workspaceId, workspaceId), sql`'MANAGE' = any(${keys.scopes})`, isLive()))
  return managing.length === 1 && managing[0]?.id === id
}

const newestFirst: Order<KeyRow> = { columns: [sql`${keys.id}`], keys: (key) => [key.id], shape: z.tuple([z.uuid()]), descending: true }

export interface KeyFilter {
  /** True for valid keys, false for revoked and expired keys. */
  isActive?: boolean | null | undefined
}

const matches = ({ isActive }: KeyFilter): SQL | undefined => (isActive == null ? undefined : isActive ? isLive() : sql`not (${isLive()})`)

/** The keys of the workspace, newest first. */
export function listKeys(ctx: Context, { where: filter, ...args }: PageArgs & { where?: KeyFilter | null | undefined }) {
  const where = and(eq(keys.workspaceId, ctx.viewer.workspaceId), matches(filter ?? {}))
  return readPage(args, newestFirst, {
    select: (bounds, orderBy, limit) =>
      ctx.store.db
        .select()
        .from(keys)
        .where(and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: () => ctx.store.db.$count(keys, where),
  })
}

/** The number of valid keys of the workspace. */
export const countKeys = (ctx: Context): Promise<number> => ctx.store.db.$count(keys, and(eq(keys.workspaceId, ctx.viewer.workspaceId), isLive()))

export async function findKey(ctx: Context, id: string): Promise<KeyRow | null> {
  const [key] = await ctx.store.db
    .select()
    .from(keys)
    .where(and(eq(keys.id, id), eq(keys.workspaceId, ctx.viewer.workspaceId)))
  return key ?? null
}

export type LoadKey = (id: string) => Promise<KeyRow | null>

/** {@link findKey}, in one statement for the keys that are asked for at once. */
export function createKeyLoader({ store, viewer }: Context): LoadKey {
  const loader = new DataLoader<string, KeyRow | null>(
    async (ids) => {
      const rows = await store.db
        .select()
        .from(keys)
        .where(and(eq(keys.workspaceId, viewer.workspaceId), isAnyOf(keys.id, [...new Set(ids)])))
      const found = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id) => found.get(id) ?? null)
    },
    { cache: false },
  )
  return (id) => loader.load(id)
}
