import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { readConfig } from '../config.ts'
import { startService } from '../main.ts'
import { describeProblem } from './problem.ts'

const started = performance.now()
let signals = 0
let isReady = false
const interrupted = new Promise<void>((stop) => {
  for (const name of ['SIGINT', 'SIGTERM']) {
    process.on(name, () => {
      signals++
      // The second ends it at once, as does the first while nothing serves yet; Postgres ends with us either way.
      if (signals > 1 || !isReady) process.exit(1)
      stop()
    })
  }
})

try {
  const config = readConfig()
  const dashboard = config.roles.has('api') ? buildDashboard() : undefined
  const service = await startService(config)
  await dashboard
  isReady = true
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const api = `${service.url}/graphql`
  console.log(`\ncustom-speech is ready (${seconds} s).\n`)
  if (config.roles.has('api')) {
    console.log(`  Try it   ${service.url}/${service.key && `#key=${service.key}`}`)
    console.log(`  API      ${api}`)
  }
  console.log(`  Roles    ${[...config.roles].join(', ')}`)
  console.log(`  Data     ${config.dataDir}\n`)
  console.log(`  ${service.keyMissing ?? 'The link carries the bootstrap key; "npm run demo" shows the rest.'} Ctrl-C stops.\n`)
  await interrupted
  console.log('Stopping; once more to stop at once.')
  await service.close()
  process.exit(0)
} catch (error) {
  console.error(`\ncustom-speech cannot start. ${describeProblem(error)}\n`)
  process.exit(1)
}

/** Beside the start of everything else; does nothing when the dashboard is built. Without it the API serves as well. */
async function buildDashboard() {
  const building = spawn(process.execPath, [join(import.meta.dirname, '../web/build.ts')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  building.stderr.on('data', (text) => {
    said += text
  })
  const [code] = await once(building, 'close')
  if (code) console.error(`The dashboard could not be built: ${said.includes('ERR_MODULE_NOT_FOUND') ? 'run "npm ci" first.' : said.trim()}`)
}
