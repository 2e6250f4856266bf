import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Store } from '../postgres/store.ts'
import { settings } from '../postgres/tables.ts'

const claims = z.object({
  workspaceId: z.uuid(),
  /** The only deployment that a token of provisioning allows, even before it is COMPLETE. */
  deploymentId: z.uuid().optional(),
  /** The only revision that the token allows, which need not serve yet. Older versions ignore it. */
  revision: z.int().optional(),
  /** The key of the client. The token ends with the key. */
  keyId: z.uuid().optional(),
  /** The browser session that requested the token. The token ends with the session. */
  sessionId: z.uuid().optional(),
  /** The expiry of the key in milliseconds since 1970. */
  keyExpiresAt: z.int().optional(),
  /** The expiry of the token in milliseconds since 1970, by the clock of Postgres. */
  expiresAt: z.int(),
})

/** The contents of a token, which allows recognition for a short time, with one deployment or with all that a key can use. */
type Claims = z.infer<typeof claims>

/** Signs and reads short-lived tokens. Every process of the database accepts them. */
export interface Tokens {
  issue(claims: Claims): string
  /** Null when the token is forged, broken or expired. */
  read(token: string): Claims | null
}

const prefix = 'cst_'

export async function openTokens({ db, now }: Pick<Store, 'db' | 'now'>): Promise<Tokens> {
  await db
    .insert(settings)
    .values({ name: 'token-secret', value: randomBytes(32).toString('hex') })
    .onConflictDoNothing()
  const [setting] = await db.select().from(settings).where(eq(settings.name, 'token-secret'))
  if (!setting) throw new Error('The token secret is missing.')
  return createTokens(Buffer.from(setting.value, 'hex'), now)
}

/** Tokens are `cst_<claims>.<HMAC-SHA256 of the claims>`, both in base64url. */
function createTokens(secret: Buffer, now: Store['now']): Tokens {
  const sign = (body: string) => createHmac('sha256', secret).update(body).digest()
  return {
    issue(value) {
      const body = Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${prefix}${body}.${sign(body).toString('base64url')}`
    },
    read(token) {
      const [body, signature, more] = token.startsWith(prefix) ? token.slice(prefix.length).split('.') : []
      if (!body || !signature || more !== undefined) return null
      const [given, right] = [Buffer.from(signature, 'base64url'), sign(body)]
      if (given.length !== right.length || !timingSafeEqual(given, right)) return null
      const parsed = claims.parse(JSON.parse(Buffer.from(body, 'base64url').toString()))
      return parsed.expiresAt > now() ? parsed : null
    },
  }
}
