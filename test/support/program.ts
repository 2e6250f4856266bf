// The product as a user starts it, in processes of its own that a test may kill.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { makeDirectory } from './postgres.ts'
import { createTestClient, type OnFinished } from './service.ts'
import { until } from './until.ts'

export const program = resolve(import.meta.dirname, '../../src/cli/custom-speech.mjs')

export function launch(settings: Record<string, string>, command: string | string[] = 'serve', onFinished: OnFinished = onTestFinished, file = program) {
  const child = spawn(process.execPath, [file, ...[command].flat()], {
    env: { PATH: process.env.PATH, RECOGNIZERS: '1', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += chunk))
  child.stderr.on('data', (chunk) => (said.err += chunk))
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal, ...said }))
  onFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, said, ended }
}

/** Starts a whole product, or one role of it that needs no link. */
export async function start(settings: Record<string, string>, onFinished: OnFinished = onTestFinished, file = program) {
  const launched = launch({ PORT: '0', ...settings }, 'serve', onFinished, file)
  await until(() => /Ctrl-C stops/.test(launched.said.out) || launched.child.exitCode !== null)
  expect(launched.said.out, launched.said.err).toContain('is ready')
  const [, url = ''] = /Try it +(\S+)\/\s/.exec(launched.said.out) ?? []
  const key = settings['BOOTSTRAP_KEY'] ?? (await readFile(join(settings['DATA_DIR'] ?? '', 'bootstrap-key'), 'utf8').catch(() => '')).trim()
  const client = createTestClient(url, key)
  onFinished(client.dispose)
  return { ...launched, ...client, url, key }
}

/** Processes that hold files of the directory or were started for it. */
export const processesOf = (text: string) =>
  new Promise<string[]>((found) =>
    execFile('ps', ['-eo', 'pid,args'], (_, out) => found(out.split('\n').filter((line) => line.includes(text) && !line.includes('<defunct>')))),
  )

export const childrenOf = (child: ChildProcess) =>
  new Promise<string[]>((found) => execFile('ps', ['-o', 'pid=', '--ppid', String(child.pid)], (_, out) => found(out.trim().split(/\s+/).filter(Boolean))))

/** A place for DATA_DIR that is removed when no process uses it any more. */
export async function makeDataDir(onFinished: OnFinished = onTestFinished) {
  const parent = await makeDirectory()
  onFinished(async () => {
    await until(async () => (await processesOf(parent)).length === 0)
    await rm(parent, { recursive: true, force: true })
  })
  return join(parent, 'data')
}

export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
