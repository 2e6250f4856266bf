import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Sealing } from '../domain/context.ts'
import type { Store } from '../postgres/store.ts'
import { settings } from '../postgres/tables.ts'

const content = z.object({ secret: z.string(), expiresAt: z.int() })

const cipher = 'aes-256-gcm'
const [ivBytes, tagBytes] = [12, 16]

export async function openSealing({ db, now }: Pick<Store, 'db' | 'now'>): Promise<Sealing> {
  // The name is older than its use. Processes of both versions can run side by side.
  await db
    .insert(settings)
    .values({ name: 'session-secret', value: randomBytes(32).toString('hex') })
    .onConflictDoNothing()
  const [setting] = await db.select().from(settings).where(eq(settings.name, 'session-secret'))
  if (!setting) throw new Error('The sealing secret is missing.')
  return createSealing(Buffer.from(setting.value, 'hex'), now)
}

/** The sealed text is base64url of the nonce, the AES-256-GCM ciphertext and its tag. */
function createSealing(key: Buffer, now: Store['now']): Sealing {
  return {
    seal(secret, expiresAt) {
      const iv = randomBytes(ivBytes)
      const sealing = createCipheriv(cipher, key, iv)
      const sealed = Buffer.concat([sealing.update(JSON.stringify({ secret, expiresAt })), sealing.final()])
      return Buffer.concat([iv, sealed, sealing.getAuthTag()]).toString('base64url')
    },
    open(text) {
      const bytes = Buffer.from(text, 'base64url')
      if (bytes.length <= ivBytes + tagBytes) return null
      try {
        const opening = createDecipheriv(cipher, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
        opening.setAuthTag(bytes.subarray(-tagBytes))
        const opened = Buffer.concat([opening.update(bytes.subarray(ivBytes, -tagBytes)), opening.final()])
        const { secret, expiresAt } = content.parse(JSON.parse(opened.toString()))
        return expiresAt > now() ? secret : null
      } catch {
        return null
      }
    },
  }
}
