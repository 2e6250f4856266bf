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
  const service = await startService(config)
  isReady = true
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const api = `${service.url}/graphql`
  console.log(`\ncustom-speech is ready (${seconds} s).\n`)
  if (config.graphiql && config.roles.has('api')) console.log(`  Try it   ${api}#key=${service.key}`)
  if (config.roles.has('api')) console.log(`  API      ${api}`)
  console.log(`  Roles    ${[...config.roles].join(', ')}`)
  console.log(`  Data     ${config.dataDir}\n`)
  console.log('  The link carries the bootstrap key; "npm run demo" shows the rest. Ctrl-C stops.\n')
  await interrupted
  console.log('Stopping; once more to stop at once.')
  await service.close()
  process.exit(0)
} catch (error) {
  console.error(`\ncustom-speech cannot start. ${describeProblem(error)}\n`)
  process.exit(1)
}
