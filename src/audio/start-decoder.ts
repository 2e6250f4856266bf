import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const program = resolve(import.meta.dirname, 'decoder.process.ts')
/** Limits of one process: kB of writable memory, seconds of processor time, bytes of a written file, descriptors, bytes of a core dump. */
const limits = { d: 1_048_576, t: 180, f: 0, n: 64, c: 0 }
const shell = `${Object.entries(limits)
  .map(([name, most]) => `ulimit -${name} ${most}`)
  .join('; ')}; exec "$0" "$1"`

/** True if the decoding package is installed for this platform. */
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

/** Starts a process for one recording. It does not receive the settings of the server, and the kernel limits its resources. */
export function startDecoder(): ChildProcess {
  const options = { stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'], env: { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '1' }, windowsHide: true }
  return process.platform === 'linux' ? spawn('/bin/sh', ['-c', shell, process.execPath, program], options) : spawn(process.execPath, [program], options)
}
