// The directory of the built dashboard. Its name is the hash of all sources, so a build is never stale.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
export const sourceDir = join(root, 'src/dashboard')
export const builtDir = join(root, 'dist/dashboard')

/** The directory for a build of the current sources. */
export async function presentBuild(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(root, 'package.json')))
  const files = await readdir(sourceDir, { recursive: true, withFileTypes: true })
  for (const file of files
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort())
    hash.update(`${file.slice(sourceDir.length)}\0`).update(await readFile(file))
  return join(builtDir, hash.digest('hex').slice(0, 16))
}

/** The build of the current sources, or else any other build; undefined without a build. */
export async function findBuild(): Promise<string | undefined> {
  const present = await presentBuild()
  const names = (await readdir(builtDir).catch(() => [])).filter((name) => !name.startsWith('.'))
  const dirs = names.map((name) => join(builtDir, name))
  return dirs.includes(present) ? present : dirs[0]
}
