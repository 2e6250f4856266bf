import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Db } from '../postgres/client.ts'
import { settings } from '../postgres/tables.ts'

const claims = z.object({
  workspaceId: z.uuid(),
  /** The one deployment that a token of provisioning opens, also before it is Complete. */
  deploymentId: z.uuid().optional(),
  /** The key that a client's token stands for, and ends with. */
  keyId: z.uuid().optional(),
  /** The browser session that got the token, and ends it. */
  sessionId: z.uuid().optional(),
  /** When that key expires; milliseconds since 1970. */
  keyExpiresAt: z.int().optional(),
  /** Milliseconds since 1970. */
  expiresAt: z.int(),
})

/** What a token allows: to recognize for a short while, with one deployment or as a key may. */
type Claims = z.infer<typeof claims>

/** Signs and reads short-lived tokens; every process that shares the database accepts them. */
export interface Tokens {
  issue(claims: Claims): string
  /** Null when the token is forged, broken or expired. */
  read(token: string): Claims | null
}

const prefix = 'cst_'

export async function openTokens(db: Db): Promise<Tokens> {
  await db
    .insert(settings)
    .values({ name: 'token-secret', value: randomBytes(32).toString('hex') })
    .onConflictDoNothing()
  const [setting] = await db.select().from(settings).where(eq(settings.name, 'token-secret'))
  if (!setting) throw new Error('the token secret is missing')
  return createTokens(Buffer.from(setting.value, 'hex'))
}

/** Tokens are `cst_<claims>.<HMAC-SHA256 of the claims>`, both in base64url. */
function createTokens(secret: Buffer): Tokens {
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
      return parsed.expiresAt > Date.now() ? parsed : null
    },
  }
}
