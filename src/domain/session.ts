import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Db } from '../postgres/client.ts'
import { settings } from '../postgres/tables.ts'

/**
 * What a browser keeps instead of a key: the key's secret, sealed so that only our processes can read it.
 * It opens what the key opens and ends when the key does, since the secret in it is looked up each time.
 */
export interface Sessions {
  seal(secret: string, expiresAt: number): string
  /** The sealed secret; null when the session was tampered with or has expired. */
  open(session: string): string | null
}

const content = z.object({ secret: z.string(), expiresAt: z.int() })

const cipher = 'aes-256-gcm'
const [ivBytes, tagBytes] = [12, 16]

export async function openSessions(db: Db): Promise<Sessions> {
  await db
    .insert(settings)
    .values({ name: 'session-secret', value: randomBytes(32).toString('hex') })
    .onConflictDoNothing()
  const [setting] = await db.select().from(settings).where(eq(settings.name, 'session-secret'))
  if (!setting) throw new Error('the session secret is missing')
  return createSessions(Buffer.from(setting.value, 'hex'))
}

/** Sessions are base64url of nonce, AES-256-GCM ciphertext and its tag. */
function createSessions(key: Buffer): Sessions {
  return {
    seal(secret, expiresAt) {
      const iv = randomBytes(ivBytes)
      const sealing = createCipheriv(cipher, key, iv)
      const sealed = Buffer.concat([sealing.update(JSON.stringify({ secret, expiresAt })), sealing.final()])
      return Buffer.concat([iv, sealed, sealing.getAuthTag()]).toString('base64url')
    },
    open(session) {
      const bytes = Buffer.from(session, 'base64url')
      if (bytes.length <= ivBytes + tagBytes) return null
      try {
        const opening = createDecipheriv(cipher, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
        opening.setAuthTag(bytes.subarray(-tagBytes))
        const opened = Buffer.concat([opening.update(bytes.subarray(ivBytes, -tagBytes)), opening.final()])
        const { secret, expiresAt } = content.parse(JSON.parse(opened.toString()))
        return expiresAt > Date.now() ? secret : null
      } catch {
        return null
      }
    },
  }
}
