import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from './config.ts'
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
  // Of several processes that start at once on one directory, one makes the key and the others read it.
  await writeFile(file, `${generateSecret()}\n`, { mode: 0o600, flag: 'wx' }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  return (await readFile(file, 'utf8')).trim()
}
