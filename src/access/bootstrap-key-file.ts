// Who gets in first. A configured BOOTSTRAP_KEY is valid for as long as a process runs that has it configured;
// without one, the first start of a database makes a key, which stays until it is revoked or reset.
import { randomUUID } from 'node:crypto'
import { chown, link, mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Config, secretPattern } from '../config.ts'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { Db } from '../postgres/client.ts'
import type { Store } from '../postgres/store.ts'
import { type BootstrapKey, ensureConfiguredKey, ensureGeneratedKey, replaceGeneratedKey } from './bootstrap-key.ts'
import { generateSecret, keysTopic } from './key.ts'
import { ensureFirstWorkspace } from './workspace.ts'

type BootstrapKeySettings = Pick<Config, 'bootstrapKey' | 'dataDir'>

export const bootstrapKeyFile = (dataDir: string) => join(dataDir, 'bootstrap-key')

/** The key that opens the first workspace: from the configuration, made by this start or by an earlier one, or why its secret is not known here. */
export type FirstKey = { origin: 'CONFIGURED' | 'MADE' | 'KEPT'; secret: string } | { origin: 'ELSEWHERE'; secret: undefined; reason: string }

export async function prepareBootstrapKey({ db, events }: Pick<Store, 'db' | 'events'>, config: BootstrapKeySettings, log: Log): Promise<FirstKey> {
  const workspaceId = await ensureFirstWorkspace(db)
  const secret = config.bootstrapKey
  if (!secret) return prepareGeneratedKey(db, workspaceId, config.dataDir)
  await ensureConfiguredKey(db, workspaceId, secret, events.hold)
  // A start with another key may not have seen this process while its connection was broken.
  events.watch(keysTopic, () => {
    ensureConfiguredKey(db, workspaceId, secret).catch((error) => limitLog(log).warn({ error: String(error) }, 'the configured key was not looked after'))
  })
  return { origin: 'CONFIGURED', secret }
}

async function prepareGeneratedKey(db: Db, workspaceId: string, dataDir: string): Promise<FirstKey> {
  const file = bootstrapKeyFile(dataDir)
  const found = await ensureGeneratedKey(db, workspaceId, {
    known: () => readSecret(file),
    make: () => makeSecret(file),
  })
  return 'key' in found
    ? { origin: 'ELSEWHERE', secret: undefined, reason: explain(found.key) }
    : { origin: found.isNew ? 'MADE' : 'KEPT', secret: found.secret }
}

const makeAnother = '"custom-speech key reset" makes a new one.'

function explain({ prefix, createdAt, revokedAt }: BootstrapKey): string {
  const day = createdAt.toISOString().slice(0, 10)
  if (revokedAt) return `The bootstrap key (${prefix}…) was revoked on ${revokedAt.toISOString().slice(0, 10)}. If no other key is at hand, ${makeAnother}`
  return `The bootstrap key (${prefix}…) was made by another process on ${day}; its secret is in the file bootstrap-key of that process's DATA_DIR. If it is lost, ${makeAnother}`
}

/**
 * Makes a new bootstrap key, ends the one that was made before, and keeps the secret where the next start finds
 * it. Where the file cannot be written the secret is still good; it is then known to the caller alone.
 */
export async function resetBootstrapKey(db: Db, dataDir: string): Promise<{ secret: string; isKept: boolean }> {
  const file = bootstrapKeyFile(dataDir)
  const secret = generateSecret()
  const made = await mkdir(dirname(file), { recursive: true })
    .then(() => writeBeside(file, secret))
    .catch(() => undefined)
  await replaceGeneratedKey(db, await ensureFirstWorkspace(db), secret)
  if (made) await rename(made, file)
  return { secret, isKept: made !== undefined }
}

async function makeSecret(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true })
  const secret = generateSecret()
  const made = await writeBeside(file, secret)
  // Linked into place when it is whole, and never over another one.
  await link(made, file).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  await unlink(made)
  return (await readSecret(file)) ?? secret
}

/** A process id would not do: in containers several processes have the same one. */
async function writeBeside(file: string, secret: string): Promise<string> {
  const made = `${file}.${randomUUID()}`
  await writeFile(made, `${secret}\n`, { mode: 0o600 })
  // A command that root runs must not hide the key from the server's own account.
  const { uid, gid } = await stat(dirname(file))
  if (process.getuid?.() === 0) await chown(made, uid, gid)
  return made
}

async function readSecret(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw new BootstrapKeyError(`Cannot read the bootstrap key in ${file} (${error.code}). Make the file readable, or delete it.`)
  })
  if (text === undefined) return undefined
  const secret = text.trim()
  if (!secretPattern.test(secret))
    throw new BootstrapKeyError(`The bootstrap key in ${file} is not one. Delete the file and start again; if no key is at hand then, ${makeAnother}`)
  return secret
}

/** The file with the bootstrap key holds something else. */
export class BootstrapKeyError extends Error {}
