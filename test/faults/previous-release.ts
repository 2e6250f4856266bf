// The sources of the previous release, which must be able to run beside the present ones.
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../support/imports.ts'

/** A tag or commit. After each release, the tag of that release. */
export const previousRelease = 'c3879f22cb1620cb8f25fc312a8fb7ff64d8bbe6'

const git = (...args: string[]) => execFileSync('git', args, { cwd: root, maxBuffer: 1e9, stdio: ['ignore', 'pipe', 'ignore'] })

/** False in a clone without the history of the previous release. */
export function hasPreviousRelease(): boolean {
  try {
    git('cat-file', '-e', `${previousRelease}^{commit}`)
    return true
  } catch {
    return false
  }
}

/** Unpacks the previous release with the installed packages, and returns its program. */
export async function unpackPreviousRelease(dir: string): Promise<string> {
  execFileSync('tar', ['-x', '-C', dir], { input: git('archive', '--format=tar', previousRelease, 'src', 'drizzle', 'package.json', 'package-lock.json') })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  // A start does not build what seems to be built.
  const load = (file: string) => import(/* @vite-ignore */ pathToFileURL(join(dir, file)).href)
  mkdirSync(await (await load('src/http/dashboard-build.ts')).presentBuild(), { recursive: true })
  mkdirSync((await load('src/cli/server-bundle.mjs')).bundleDir(), { recursive: true })
  return join(dir, 'src/cli/custom-speech.mjs')
}
