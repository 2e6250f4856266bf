// Keys that can create workspaces. A configured key (BOOTSTRAP_KEY) is valid while a running process has it
// configured, and ends at the first start that finds no such process. A generated key belongs to the database: the
// first start generates it, and no start ends it. Processes with different configured keys do not end each other's keys.
import { and, desc, eq, isNull, ne, sql } from 'drizzle-orm'
import { type KeyRow, keyScope, keys } from '../postgres/access-tables.ts'
import type { Db, Tx } from '../postgres/client.ts'
import type { AdvisoryLock } from '../postgres/events.ts'
import { notify } from '../postgres/notification.ts'
import { isConfiguredNow, lockOfConfiguredKey } from './configured-key.ts'
import { hashSecret, keysTopic, prefixOf } from './key.ts'

export type BootstrapKey = Pick<KeyRow, 'prefix' | 'createdAt' | 'revokedAt'>

const isGenerated = and(eq(keys.isBootstrap, true), eq(keys.isConfigured, false))

/** Serializes the starts of processes, so that only one of them generates a key. */
async function changeBootstrapKeys<T>(db: Db, change: (tx: Tx) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(7303)`)
    return change(tx)
  })
}

/**
 * Makes the configured secret a key with every scope, even if it was revoked or another kind of key before. `hold` is
 * given at a start: it takes the lock that shows other processes that the key is configured, and configured keys
 * without a running process end.
 */
export async function ensureConfiguredKey(db: Db, workspaceId: string, secret: string, hold?: (lock: AdvisoryLock) => Promise<void>): Promise<void> {
  const secretHash = hashSecret(secret)
  await hold?.(lockOfConfiguredKey(secretHash))
  if (!hold && (await isInForce(db, workspaceId, secretHash))) return
  await changeBootstrapKeys(db, async (tx) => {
    if (!(await isInForce(tx, workspaceId, secretHash))) await putInForce(tx, workspaceId, secret, { name: 'BOOTSTRAP_KEY', isConfigured: true })
    if (hold) await endUnconfigured(tx, secretHash)
  })
}

/** The secret of the generated key in the data directory of this process. */
interface OwnSecret {
  known(): Promise<string | undefined>
  make(): Promise<string>
}

/** The secret of the generated key, which is generated when the database never had one; the key without its secret when another process has the secret. */
export async function ensureGeneratedKey(
  db: Db,
  workspaceId: string,
  { known, make }: OwnSecret,
): Promise<{ secret: string; isNew: boolean } | { key: BootstrapKey }> {
  return changeBootstrapKeys(db, async (tx) => {
    await endUnconfigured(tx)
    const secret = await known()
    if (secret && (await isBootstrapLive(tx, hashSecret(secret)))) return { secret, isNew: false }
    const [generated] = await tx
      .select()
      .from(keys)
      .where(isGenerated)
      .orderBy(desc(isNull(keys.revokedAt)), desc(keys.id))
      .limit(1)
    if (generated) return { key: generated }
    // A secret without a row was written just before a crash, or belongs to another database.
    const made = secret ?? (await make())
    await putInForce(tx, workspaceId, made, { name: 'bootstrap', isConfigured: false })
    return { secret: made, isNew: true }
  })
}

/** Replaces the generated key by another one. */
export async function replaceGeneratedKey(db: Db, workspaceId: string, secret: string): Promise<void> {
  await changeBootstrapKeys(db, async (tx) => {
    await tx
      .update(keys)
      .set({ revokedAt: sql`now()` })
      .where(and(isGenerated, isNull(keys.revokedAt)))
    await putInForce(tx, workspaceId, secret, { name: 'bootstrap', isConfigured: false })
  })
}

async function putInForce(tx: Tx, workspaceId: string, secret: string, kind: { name: string; isConfigured: boolean }) {
  const values = { ...kind, workspaceId, scopes: [...keyScope.enumValues], isBootstrap: true, revokedAt: null, expiresAt: null }
  await tx
    .insert(keys)
    .values({ ...values, prefix: prefixOf(secret), secretHash: hashSecret(secret) })
    .onConflictDoUpdate({ target: keys.secretHash, set: values })
  await notify(tx, [keysTopic])
}

async function endUnconfigured(tx: Tx, ownHash = '') {
  const others = await tx
    .select()
    .from(keys)
    .where(and(eq(keys.isConfigured, true), isNull(keys.revokedAt), ne(keys.secretHash, ownHash)))
  for (const { id, secretHash } of others) {
    if (await isConfiguredNow(tx, secretHash)) continue
    await tx.update(keys).set({ revokedAt: sql`now()` }).where(eq(keys.id, id))
    await notify(tx, [keysTopic])
  }
}

async function isInForce(db: Db, workspaceId: string, secretHash: string): Promise<boolean> {
  const found = await db.$count(
    keys,
    and(
      eq(keys.secretHash, secretHash),
      eq(keys.workspaceId, workspaceId),
      eq(keys.isBootstrap, true),
      eq(keys.isConfigured, true),
      isNull(keys.revokedAt),
      isNull(keys.expiresAt),
      sql`${keys.scopes} @> ${sql.param([...keyScope.enumValues])}`,
    ),
  )
  return found > 0
}

const isBootstrapLive = async (tx: Tx, secretHash: string): Promise<boolean> =>
  (await tx.$count(keys, and(eq(keys.secretHash, secretHash), eq(keys.isBootstrap, true), isNull(keys.revokedAt)))) > 0
