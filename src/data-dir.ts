import { chmod, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from './log.ts'

/** The data directory cannot be used. */
export class DataDirError extends Error {}

/** Makes all files that this process and its children create private to this account. */
const privateUmask = 0o077
const ours = ['artifacts', 'address', 'bootstrap-key', 'postgres/owner', 'postgres/password']

/**
 * Creates the data directory, and makes the service's files in it private to this account: directories 0700, files 0600,
 * for every umask. An embedded Postgres that runs under another account gets its access afterwards.
 */
export async function prepareDataDir(dataDir: string, log: Log): Promise<void> {
  try {
    // Parent directories get the usual permissions.
    await mkdir(dirname(dataDir), { recursive: true })
    process.umask(privateUmask)
    await mkdir(dataDir, { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new DataDirError(`Cannot create the data directory ${dataDir} (${code}). Set DATA_DIR to a writable directory.`)
  }
  const artifacts = join(dataDir, 'artifacts')
  const files = await readdir(artifacts).catch(() => [])
  for (const path of [dataDir, ...ours.map((name) => join(dataDir, name)), ...files.map((name) => join(artifacts, name))]) {
    await makePrivate(path).catch((error) => {
      // Some mounted volumes belong to another account and are shared with a group.
      if (error.code !== 'ENOENT') log.warn({ path, code: error.code }, 'the permissions of a file or directory of DATA_DIR cannot be restricted')
    })
  }
}

async function makePrivate(path: string) {
  const { mode } = await stat(path)
  if (mode & privateUmask) await chmod(path, mode & 0o7777 & ~privateUmask)
}
