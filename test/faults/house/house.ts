// A house of two processes of each role, each with a data directory and a port of its own, behind nginx, on a Postgres
// with a standby behind haproxy. The clock of the second process of each role is five minutes ahead.
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../../support/imports.ts'
import { findFreePort, makeDataDir, start } from '../../support/program.ts'
import { createTestClient, type OnFinished } from '../../support/service.ts'
import { openPostgresPair } from './postgres-pair.ts'
import { startRoleProxy } from './role-proxy.ts'

export type House = Awaited<ReturnType<typeof openHouse>>

const key = 'cs_a-house-of-six-processes-0123456789'
/** How far the clock of the second process of each role is ahead. */
const aheadMs = 5 * 60_000
const clock = join(import.meta.dirname, 'shifted-clock.process.ts')

const run = promisify(execFile)
/** What a process that starts from its sources does, so that six do not do it at once. */
const build = () => Promise.all(['src/http/build-dashboard.ts', 'src/cli/build-server.mjs'].map((file) => run(process.execPath, [join(root, file)])))

export async function openHouse(onFinished: OnFinished) {
  const [postgres] = await Promise.all([openPostgresPair(onFinished), build()])
  const sql = postgres.connect()
  onFinished(() => sql.end({ timeout: 1 }))
  const ports = await Promise.all(Array.from({ length: 6 }, findFreePort))
  const url = await startRoleProxy({ api: ports.slice(0, 2), speech: ports.slice(2, 4) }, onFinished)
  const shared = {
    DATABASE_URL: postgres.url,
    BOOTSTRAP_KEY: key,
    PUBLIC_URL: url,
    RECOGNIZERS: '1',
    LOG_LEVEL: 'error',
    DRAIN_SECONDS: '1',
    SHUTDOWN_SECONDS: '2',
    // Less than the difference of the clocks.
    DEADLINE_SECONDS: '240',
  }
  const create = (role: Role, n: number, port = 0) => {
    const shifted = { NODE_OPTIONS: `--import=${clock}`, CLOCK_AHEAD_MS: String(aheadMs) }
    return createNode({ ...shared, ROLES: role, PORT: String(port), ...(n === 2 && shifted) }, `${role}-${n}`, onFinished)
  }
  const api = [await create('api', 1, ports[0]), await create('api', 2, ports[1])] as const
  const speech = [await create('speech', 1, ports[2]), await create('speech', 2, ports[3])] as const
  const jobs = [await create('jobs', 1, ports[4]), await create('jobs', 2, ports[5])] as const
  const nodes = [...api, ...speech, ...jobs]
  await Promise.all(nodes.map((node) => node.start()))
  const openClient = (to: string) => {
    const client = createTestClient(to, key)
    onFinished(client.dispose)
    return client
  }
  const direct = new Map(api.map((node) => [node.url, openClient(node.url)]))
  /** A client of one process of the API. */
  const at = (node: { url: string }) => direct.get(node.url) as ReturnType<typeof openClient>
  return { ...openClient(url), url, key, sql, postgres, api, speech, jobs, nodes, at }
}

type Role = 'api' | 'jobs' | 'speech'

/** A process that can be stopped, killed and started again with its port and its data directory. */
async function createNode(settings: Record<string, string>, name: string, onFinished: OnFinished) {
  const dataDir = await makeDataDir(onFinished)
  let running: Awaited<ReturnType<typeof start>> | undefined
  const end = async (signal: NodeJS.Signals) => {
    running?.child.kill(signal)
    return running?.ended
  }
  return {
    name,
    dataDir,
    url: `http://127.0.0.1:${settings['PORT']}`,
    async start() {
      running = await start({ ...settings, DATA_DIR: dataDir }, onFinished)
    },
    /** Ends the process as a supervisor does; answers when it has ended by itself. */
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    /** As a new machine: nothing is left of what it fetched. */
    empty: () => rm(dataDir, { recursive: true, force: true }),
    ready: async () => (await fetch(`http://127.0.0.1:${settings['PORT']}/ready`).catch(() => undefined))?.status,
    said: () => running?.said.err ?? '',
  }
}
