// Runs a server under clients old and new, aborts, garbage and killed recognizers.
// "npm run soak 60" runs for a minute; without a number, for five. Exits with 1 when a check fails.
import { setTimeout as delay } from 'node:timers/promises'
import { createSoakClients, pick } from './soak/clients.ts'
import { complain, countOutcome, printComplaints, printOutcomes, sumOf } from './soak/outcomes.ts'
import { startSoakServer } from './soak/server.ts'
import { median } from './table.ts'

const seconds = Number(process.argv[2] ?? 300)
/** A client that takes longer counts as hung. */
const clientTimeoutMs = 60_000
const killEveryMs = 15_000
/** The permitted growth after the warm-up; a leak shows in minutes, not in seconds. */
const maxGrowthMb = { rss: 100, heap: 20 }

const server = await startSoakServer()
const clients = createSoakClients({
  url: server.url,
  key: server.key,
  command: await server.deploy('SEARCH_AND_DICTATION'),
  talk: await server.deploy('CONVERSATIONAL'),
})
const ends = performance.now() + seconds * 1000
const isOver = () => performance.now() >= ends || server.exitCode() !== null

async function killRecognizers(): Promise<void> {
  while (!isOver()) {
    await delay(Math.min(killEveryMs, Math.max(0, ends - performance.now())))
    const victim = pick(server.findChildren(/(worker|detector)\.process\.ts/))
    if (victim && !isOver()) {
      process.kill(victim, 'SIGKILL')
      countOutcome('recognizers killed', 'right')
    }
  }
}

const memory: { rss: number; heap: number }[] = []
const sampling = setInterval(async () => {
  const text = await server.readMetrics()
  const read = (name: string) => Number(new RegExp(`^custom_speech_${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN) / 2 ** 20
  memory.push({ rss: read('process_resident_memory_bytes'), heap: read('process_heap_bytes') })
}, 1000)

await Promise.all([
  killRecognizers(),
  ...clients.map(async ({ name, run, pauseMs }) => {
    while (!isOver()) {
      countOutcome(name, await Promise.race([run().catch(complain), delay(clientTimeoutMs, 'hung' as const, { ref: false })]))
      await delay(pauseMs)
    }
  }),
])
clearInterval(sampling)
await delay(2_000)
const isAlive = server.exitCode() === null
const detectors = isAlive ? server.findChildren(/detector\.process\.ts/).length : 0
const openSessions = Number(/^custom_speech_sessions (\d+)/m.exec(await server.readMetrics())?.[1])

const part = Math.max(1, Math.floor(memory.length / 5))
/** The median for RSS; the minimum for the heap, because garbage above it comes and goes. */
const levelOf = (samples: typeof memory, of: 'rss' | 'heap') => {
  const values = samples.map((sample) => sample[of])
  return Math.round(of === 'rss' ? median(values) : Math.min(...values))
}
const [early, late] = [memory.slice(part, 2 * part), memory.slice(-part)]
const growth = { rss: levelOf(late, 'rss') - levelOf(early, 'rss'), heap: levelOf(late, 'heap') - levelOf(early, 'heap') }
const errors = server.errors()
printOutcomes()
console.log(
  `server after warm-up: RSS ${levelOf(early, 'rss')} MB, heap ${levelOf(early, 'heap')} MB; at the end: RSS ${levelOf(late, 'rss')} MB, heap ${levelOf(late, 'heap')} MB`,
)
console.log(
  `open sessions: ${openSessions}; server ${isAlive ? 'alive' : `exited with ${server.exitCode()}`}; detectors: ${detectors}; unexpected errors in its log: ${errors.length}`,
)
printComplaints()
if (errors.length) console.log(errors.join('\n').slice(0, 3000))

await server.close()
const checks: [hasFailed: boolean, failure: string][] = [
  [sumOf('right') === 0, 'no client received a right text'],
  [sumOf('wrong') + sumOf('hung') + sumOf('failed') > 0, 'clients received wrong texts or no answer'],
  [sumOf('refused') > 0, 'clients or formats that the server should take were refused'],
  [openSessions !== 0, 'sessions are still open'],
  [!(growth.rss <= maxGrowthMb.rss && growth.heap <= maxGrowthMb.heap), 'memory has grown, or was not measured'],
  [detectors > 1, 'more than one detector is running'],
  [errors.length > 0, 'the log has errors'],
  [server.exitCode() !== 0, 'the server did not exit with 0'],
]
for (const [hasFailed, failure] of checks) if (hasFailed) console.log(`FAILED: ${failure}`)
process.exit(checks.some(([hasFailed]) => hasFailed) ? 1 : 0)
