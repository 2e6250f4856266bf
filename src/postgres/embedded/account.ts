// The account of the embedded Postgres, and its access to the data directory.
import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, chmod, chown, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { childEnvironment } from '../../sandbox/child-environment.ts'
import { EmbeddedPostgresError } from '../problem.ts'

const run = promisify(execFile)

export interface Account {
  uid: number
  gid: number
}

/** Postgres refuses to run as root, so a process of root starts Postgres with an unprivileged account. */
export async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const env = childEnvironment()
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name], { env }), run('id', ['-g', name], { env })])
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    } catch {}
  }
  throw new EmbeddedPostgresError(
    'Postgres cannot run as root, and this machine has no account named postgres or nobody. Start as another user, or set DATABASE_URL.',
  )
}

/** Creates the directory. The account, if any, becomes its owner. */
export async function prepareDirectory(dir: string, account: Account | undefined) {
  try {
    await mkdir(dirname(dir), { recursive: true })
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await access(dir, constants.W_OK)
    if (account) await chown(dir, account.uid, account.gid)
  } catch (error) {
    throw new EmbeddedPostgresError(
      `Cannot write to the data directory (${(error as NodeJS.ErrnoException).code}): ${dir}. Set DATA_DIR to a writable directory.`,
    )
  }
  if (!account) return
  const dataDir = dirname(dir)
  if (!(await mayEnter(dataDir, account))) await letThrough(dataDir, account)
  for (let parent = dirname(dataDir); parent !== dirname(parent); parent = dirname(parent)) {
    if (!(await mayEnter(parent, account)))
      throw new EmbeddedPostgresError(
        `The unprivileged account of Postgres cannot access ${parent}. Set DATA_DIR to a directory outside ${parent}, or start as another user.`,
      )
  }
}

async function mayEnter(dir: string, { uid, gid }: Account): Promise<boolean> {
  const owner = await stat(dir)
  return Boolean(owner.mode & (owner.uid === uid ? 0o100 : owner.gid === gid ? 0o010 : 0o001))
}

/** Lets the account traverse the directory through its group, but not list it. Other accounts have no access. */
async function letThrough(dir: string, { gid }: Account) {
  await chown(dir, (await stat(dir)).uid, gid)
  await chmod(dir, 0o710)
}
