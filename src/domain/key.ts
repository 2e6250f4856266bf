import { createHash, randomBytes } from 'node:crypto'
import { and, eq, gt, isNull, or, sql } from 'drizzle-orm'
import type { Db } from '../postgres/client.ts'
import { type KeyRow, type KeyScope, keyScope, keys } from '../postgres/tables.ts'

/** Who is calling, and what the key that let them in may do. */
export interface Viewer {
  keyId: string
  keyName: string
  workspaceId: string
  scopes: readonly KeyScope[]
}

/** 256 random bits behind a prefix that people, scanners and our own log recognize. */
export const generateSecret = () => `cs_${randomBytes(32).toString('base64url')}`

const hashSecret = (secret: string) => createHash('sha256').update(secret).digest('hex')

/** The caller that a secret stands for; null when it is unknown, expired or revoked. */
export async function authenticate(db: Db, secret: string): Promise<Viewer | null> {
  const [key] = await db
    .select()
    .from(keys)
    .where(and(eq(keys.secretHash, hashSecret(secret)), isNull(keys.revokedAt), or(isNull(keys.expiresAt), gt(keys.expiresAt, sql`now()`))))
  return key ? viewerOf(key) : null
}

/** Makes sure that the secret opens the workspace with every scope. */
export async function ensureBootstrapKey(db: Db, workspaceId: string, secret: string): Promise<void> {
  await db
    .insert(keys)
    .values({
      workspaceId,
      name: 'bootstrap',
      prefix: secret.slice(0, 10),
      secretHash: hashSecret(secret),
      scopes: [...keyScope.enumValues],
    })
    .onConflictDoNothing()
}

const viewerOf = (key: KeyRow): Viewer => ({ keyId: key.id, keyName: key.name, workspaceId: key.workspaceId, scopes: key.scopes })
