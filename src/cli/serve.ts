import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readConfig } from '../config.ts'
import { presentBuild } from '../http/dashboard-build.ts'
import { startService } from '../main.ts'
import { childEnvironment } from '../sandbox/child-environment.ts'
import { minPriority, setNice } from '../sandbox/nice.ts'
import { deleteAddress, writeAddress } from './address.ts'
import { describeProblem } from './problem.ts'
import { secondsSinceStart } from './since-start.ts'
import { describeStart } from './start-message.ts'

/** npm passes on a signal that the terminal has already sent. Two equal signals within this time are one request to stop. */
const sameRequestMs = 300

let first: { signal: string; at: number } | undefined
let isReady = false
const interrupted = new Promise<string>((stop) => {
  for (const name of ['SIGINT', 'SIGTERM']) {
    process.on(name, () => {
      if (first?.signal === name && performance.now() - first.at < sameRequestMs) return
      // A second signal, or a first one before the server is ready, ends the process at once. Postgres ends with it.
      if (first || !isReady) process.exit(1)
      first = { signal: name, at: performance.now() }
      stop(name)
    })
  }
})

try {
  const config = readConfig()
  const dashboard = config.roles.has('api') ? buildDashboard() : undefined
  const service = await startService(config, { withRecognizer: true })
  await dashboard
  isReady = true
  if (config.roles.has('api')) await writeAddress(config.dataDir, service.localUrl)
  console.log(describeStart(service, config, { seconds: secondsSinceStart(), isTerminal: process.stdout.isTTY }))
  prepareNextStart()
  const signal = await interrupted
  console.log('Stopping. Press Ctrl-C again to stop at once.')
  service.withdraw()
  // Balancers read /ready first and send requests until then. Ctrl-C is of a user, who does not wait for them.
  if (signal === 'SIGTERM') await delay(config.http.drainMs)
  await service.close()
  if (config.roles.has('api')) await deleteAddress(config.dataDir)
  process.exit(0)
} catch (error) {
  console.error(`\ncustom-speech cannot start. ${describeProblem(error)}\n`)
  process.exit(1)
}

/** Builds the dashboard, if it is out of date, while the server starts. The server also runs without the dashboard. */
async function buildDashboard() {
  if (existsSync(await presentBuild())) return
  const building = spawn(process.execPath, [join(import.meta.dirname, '../http/build-dashboard.ts')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: childEnvironment(),
  })
  let output = ''
  building.stderr.on('data', (text) => {
    output += text
  })
  const [code] = await once(building, 'close')
  if (code) console.error(`The dashboard could not be built: ${output.includes('ERR_MODULE_NOT_FOUND') ? 'run "npm ci" first.' : output.trim()}`)
}

/** Keeps the compiled code of the bundle. A server that runs from its sources builds the bundle, and ends the build when it stops. */
function prepareNextStart() {
  flushCompileCache()
  const isBundled = import.meta.filename.endsWith('.js')
  // `npm run dev` executes this file.
  if (isBundled || import.meta.main) return
  const builder = spawn(process.execPath, [join(import.meta.dirname, 'build-server.mjs')], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: childEnvironment(),
  })
  // Without the development packages or the right to write, every start is from the sources.
  builder.on('error', () => {})
  setNice(builder.pid, minPriority)
}
