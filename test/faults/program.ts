// The program in processes of its own, which can be killed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { until } from '../until.ts'

const program = resolve(import.meta.dirname, '../../src/cli/custom-speech.mjs')

/** Starts `custom-speech serve` and waits until it serves; it ends with the test, if not before. */
export async function launchProgram(settings: Record<string, string>) {
  const child = spawn(process.execPath, [program, 'serve'], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', RECOGNIZERS: '1', LOG_LEVEL: 'error', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += chunk))
  child.stderr.on('data', (chunk) => (said.err += chunk))
  const ended = once(child, 'exit')
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal)
    await ended
  }
  onTestFinished(() => kill())
  await until(() => said.out.includes('is ready') || child.exitCode !== null)
  if (child.exitCode !== null) throw new Error(`it did not start: ${said.err}`)
  return { child, said, kill }
}

export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
