import { realpathSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const projectRoot = join(import.meta.dirname, '..', '..')

/** Omits the root of the file system, which would turn every word that begins with a slash into a path. */
function listRoots(): string[] {
  const named = [process.env.DATA_DIR || '.data', projectRoot, process.cwd(), tmpdir(), homedir()]
  const roots = named.map((path) => resolve(path)).flatMap((path) => [path, toRealPath(path)])
  return [...new Set(roots)].filter((path) => resolve(path, '..') !== path).sort((a, b) => b.length - a.length)
}

function toRealPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

// A path that follows a host belongs to a web address.
const toPattern = (roots: readonly string[]) =>
  new RegExp(
    `(?:file://|(?<![\\w.\\-/\\]]))(?:${roots.map((root) => RegExp.escape(root)).join('|')})(?:[/\\\\](?:[^\\s"'\`<>()]*[^\\s"'\`<>().,;:])?)?(?![\\w-])`,
    'g',
  )

let pattern: RegExp | undefined

/**
 * A message for clients, with `…` in place of each path below DATA_DIR, the project, the working directory, the
 * directory for temporary files or the home directory. Other words that begin with a slash stay.
 */
export function withoutPaths(text: string): string {
  pattern ??= toPattern(listRoots())
  return text.replace(pattern, '…')
}
