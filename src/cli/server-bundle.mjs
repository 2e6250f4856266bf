// The bundle of the server: one file for each command and one for what they share. Loading the 1,500 modules one by one
// takes most of a start. Plain JavaScript, because stripping types would cost a part of what the bundle saves.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
export const sourceDir = join(root, 'src')
export const packagesDir = join(root, 'node_modules')
export const bundlesDir = join(root, 'dist/server')

/** The commands that a bundle contains. */
export const bundledCommands = ['serve', 'demo', 'key', 'migrate', 'backup', 'restore', 'verify']

/** The directory for a bundle of the current sources and packages. Its name is their hash, so a bundle is never stale. */
export function bundleDir() {
  const hash = createHash('sha256')
  const add = (file) => hash.update(`${file}\0`).update(existsSync(join(root, file)) ? readFileSync(join(root, file)) : '')
  for (const file of ['package.json', 'package-lock.json']) add(file)
  const sources = readdirSync(sourceDir, { recursive: true }).filter((file) => /\.m?[jt]s$/.test(file) && !/^dashboard\b/.test(file))
  for (const file of sources.sort()) add(join('src', file))
  return join(bundlesDir, hash.digest('hex').slice(0, 16))
}
