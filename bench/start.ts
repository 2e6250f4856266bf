// The time that a user waits for "npm start": from the command to the first 200 of /ready, with the data of an earlier start.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Figure, median } from './table.ts'

const starts = 5
const pollMs = 10
const maxStartMs = 120_000

/** Milliseconds from the command on. */
interface Start {
  /** The server's process begins. */
  node: number
  /** Its modules are loaded. */
  imported: number
  ready: number
}

export async function warmStart(dataDir: string): Promise<Figure[]> {
  await start(dataDir)
  const measured: Start[] = []
  for (let number = 0; number < starts; number++) measured.push(await start(dataDir))
  const figure = (what: string, read: (start: Start) => number): Figure => {
    const values = measured.map(read)
    const range = `[${toSeconds(Math.min(...values))}-${toSeconds(Math.max(...values))}]`
    return { what, value: `${toSeconds(median(values))} s ${range}`, ratio: (median(values) / median(measured.map(({ ready }) => ready))).toFixed(2) }
  }
  return [
    figure(`npm start to /ready, median of ${starts}`, ({ ready }) => ready),
    figure('of it npm', ({ node }) => node),
    figure('of it imports', ({ node, imported }) => imported - node),
    figure('of it the server', ({ imported, ready }) => ready - imported),
  ]
}

const toSeconds = (ms: number) => (ms / 1000).toFixed(2)

async function start(dataDir: string): Promise<Start> {
  const [port, clock] = [await freePort(), join(dataDir, 'start-clock.json')]
  await rm(clock, { force: true })
  const began = performance.timeOrigin + performance.now()
  const server = spawn('npm', ['start'], {
    cwd: resolve(import.meta.dirname, '..'),
    env: {
      ...process.env,
      NODE_OPTIONS: `--import ${join(import.meta.dirname, 'start-clock.mjs')}`,
      START_CLOCK: clock,
      PORT: String(port),
      DATA_DIR: join(dataDir, 'start'),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  const ended = once(server, 'exit')
  try {
    while (!(await isReady(port))) {
      if (server.exitCode !== null || now() - began > maxStartMs) throw new Error('npm start did not become ready. Run it alone to see why.')
      await delay(pollMs)
    }
    const ready = now()
    if (!existsSync(clock)) throw new Error('bench/start-clock.mjs did not see the end of the imports.')
    const { node, imported } = JSON.parse(await readFile(clock, 'utf8')) as { node: number; imported: number }
    return { node: node - began, imported: imported - began, ready: ready - began }
  } finally {
    if (server.exitCode === null && server.pid) process.kill(-server.pid, 'SIGINT')
    await ended
  }
}

const now = () => performance.timeOrigin + performance.now()

const isReady = (port: number) =>
  fetch(`http://127.0.0.1:${port}/ready`).then(
    ({ status }) => status === 200,
    () => false,
  )

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  return port
}
