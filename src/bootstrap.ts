import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Config, secretPattern } from './config.ts'
import { ensureBootstrapKey, generateSecret } from './domain/key.ts'
import { ensureFirstWorkspace } from './domain/workspace.ts'
import type { Db } from './postgres/client.ts'

export const bootstrapKeyFile = (dataDir: string) => join(dataDir, 'bootstrap-key')

/** The first workspace and the key that opens it: the configured one, or one made here and kept in DATA_DIR. */
export async function prepareBootstrapKey(db: Db, config: Pick<Config, 'bootstrapKey' | 'dataDir'>): Promise<string> {
  const secret = config.bootstrapKey ?? (await readOrMake(bootstrapKeyFile(config.dataDir)))
  await ensureBootstrapKey(db, await ensureFirstWorkspace(db), secret)
  return secret
}

async function readOrMake(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true })
  // Linked into place when it is whole: of several processes that start at once, one makes the key and all read it.
  const made = `${file}.${process.pid}`
  await writeFile(made, `${generateSecret()}\n`, { mode: 0o600 })
  await link(made, file).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  await unlink(made)
  const secret = (await readFile(file, 'utf8')).trim()
  if (!secretPattern.test(secret)) throw new BootstrapKeyError(`The bootstrap key in ${file} is not one. Delete the file and start again: a new key is made.`)
  return secret
}

/** The file with the bootstrap key holds something else. */
export class BootstrapKeyError extends Error {}
