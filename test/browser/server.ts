// The server as a user starts it, in a separate process that can be killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inject, onTestFinished } from 'vitest'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'

const program = resolve(import.meta.dirname, '../../src/cli/custom-speech.mjs')

export async function launchServer() {
  const dataDir = await makeDirectory()
  const database = await cloneDatabase(inject('postgresUrl'))
  const port = await freePort()
  const key = 'cs_for-the-browser-tests-only-0'
  const localUrl = `http://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const start = async () => {
    child = spawn(process.execPath, [program, 'serve'], {
      env: { PATH: process.env['PATH'], PORT: String(port), DATA_DIR: join(dataDir, 'data'), DATABASE_URL: database.url, BOOTSTRAP_KEY: key, RECOGNIZERS: '1' },
      stdio: 'ignore',
    })
    while (!(await fetch(`${localUrl}/ready`).catch(() => undefined))?.ok) await delay(50)
  }
  const kill = async () => {
    child?.kill('SIGKILL')
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  onTestFinished(async () => {
    await kill()
    await database.drop()
    await rm(dataDir, { recursive: true, force: true })
  })
  await start()
  return { localUrl, key, kill, restart: start }
}

/** A port that is free now and that a restarted server can use again. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  await new Promise((closed) => probe.close(closed))
  return port
}
