import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const program = resolve(import.meta.dirname, 'decoder.process.ts')
/** Of one process: kB of memory that it writes to, seconds on a core, bytes of a file, descriptors. */
const limits = { d: 1_048_576, t: 180, f: 0, n: 64, c: 0 }
const shell = `${Object.entries(limits)
  .map(([name, most]) => `ulimit -${name} ${most}`)
  .join('; ')}; exec "$0" "$1"`

/** True where the package that decodes is installed for this platform. */
export function isDecoderInstalled(): boolean {
  const { resolve: find } = createRequire(import.meta.url)
  const platform = `${process.platform}-${process.arch}${process.platform === 'win32' ? '-msvc' : ''}`
  try {
    find('node-av/lib')
    find(`@seydx/node-av-${platform}/package.json`)
    return true
  } catch {
    return false
  }
}

/** Starts a process for one recording. It knows nothing of the server's settings, and the kernel bounds what it uses. */
export function startDecoder(): ChildProcess {
  const options = { stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'], env: { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '1' }, windowsHide: true }
  return process.platform === 'linux' ? spawn('/bin/sh', ['-c', shell, process.execPath, program], options) : spawn(process.execPath, [program], options)
}
