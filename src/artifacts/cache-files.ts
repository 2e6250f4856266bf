// The directory of the cache: complete files, partial files and locks.
import type { Stats } from 'node:fs'
import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { isLocked } from './lock.ts'

/** The SHA-256 of each complete file. */
export const listFiles = async (dir: string) => (await readdir(dir)).filter((name) => /^[0-9a-f]{64}$/.test(name))

/** Identifies the content of a file. Changes when the file is written, not when it is read or used. */
export const signatureOf = ({ size, mtimeMs, ino }: Stats) => `${size} ${mtimeMs} ${ino}`

/**
 * Sets the time of the last use, which is the access time: all processes with this directory see it, and reading a file
 * can only raise it. The modification time becomes a whole second, which every file system and process keeps exactly.
 */
export async function markUsed(path: string): Promise<Stats> {
  const { mtimeMs } = await stat(path)
  await utimes(path, Date.now() / 1000, Math.floor(mtimeMs / 1000))
  return stat(path)
}

/** True when the file was not used for so long. */
export async function isUnused(path: string, ms: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.atimeMs > ms
}

const partialsOf = async (dir: string, sha256: string) => (await readdir(dir)).filter((name) => name.startsWith(sha256) && name.endsWith('.partial'))

export async function sizeOfPartial(dir: string, sha256: string): Promise<number> {
  const sizes = (await partialsOf(dir, sha256)).map((name) =>
    stat(join(dir, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return Math.max(0, ...(await Promise.all(sizes)))
}

export async function removePartials(dir: string, sha256: string) {
  for (const name of await partialsOf(dir, sha256)) await rm(join(dir, name), { force: true })
}

/** Removes partial files of processes that were killed. Those of running processes are locked. */
export async function sweep(dir: string) {
  for (const name of await readdir(dir)) {
    const sha256 = name.split('.')[0] ?? ''
    if (name !== sha256 && !(await isLocked(join(dir, `${sha256}.lock`)))) await rm(join(dir, name), { force: true })
  }
}
