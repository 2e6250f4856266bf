import { chmod, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from './log.ts'

/** The data directory cannot be used. */
export class DataDirError extends Error {}

/** Whatever this process and its children create from here on is for this account alone. */
const privateUmask = 0o077
const ours = ['artifacts', 'address', 'bootstrap-key', 'postgres/owner', 'postgres/password']

/**
 * Creates the data directory, and makes what is ours in it private to this account: directories 0700, files 0600,
 * whatever the umask was. An embedded Postgres that runs under another account opens its way through afterwards.
 */
export async function prepareDataDir(dataDir: string, log: Log): Promise<void> {
  try {
    // Directories above it are not ours, so they are created as usual.
    await mkdir(dirname(dataDir), { recursive: true })
    process.umask(privateUmask)
    await mkdir(dataDir, { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new DataDirError(`Cannot create the data directory ${dataDir} (${code}). Set DATA_DIR to a directory that can be written to.`)
  }
  const artifacts = join(dataDir, 'artifacts')
  const files = await readdir(artifacts).catch(() => [])
  for (const path of [dataDir, ...ours.map((name) => join(dataDir, name)), ...files.map((name) => join(artifacts, name))]) {
    await makePrivate(path).catch((error) => {
      // Some mounted volumes belong to another account and are shared by their group.
      if (error.code !== 'ENOENT') log.warn({ path, code: error.code }, 'the permissions of a file or directory of DATA_DIR cannot be restricted')
    })
  }
}

async function makePrivate(path: string) {
  const { mode } = await stat(path)
  if (mode & privateUmask) await chmod(path, mode & 0o7777 & ~privateUmask)
}
