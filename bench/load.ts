// A client process that keeps a number of connections busy for some seconds and prints its measurements as JSON.
import { Agent, request } from 'node:http'

interface Load {
  url: string
  headers: Record<string, string>
  /** Sent in turn. %n is replaced by a unique number. */
  bodies: string[]
  connections: number
  seconds: number
}

const load: Load = JSON.parse(process.argv[2] ?? '{}')
const agent = new Agent({ keepAlive: true, maxSockets: load.connections })
const latencies: number[] = []
let failures = 0
let turn = 0

const once = () =>
  new Promise<void>((done) => {
    const started = performance.now()
    const sent = request(load.url, { method: 'POST', agent, headers: { 'content-type': 'application/json', ...load.headers } }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => {
        latencies.push(performance.now() - started)
        if (response.statusCode !== 200 || text.includes('"errors"')) failures++
        done()
      })
    })
    sent.on('error', () => {
      failures++
      done()
    })
    sent.end(load.bodies[turn % load.bodies.length]?.replace('%n', `${process.pid}-${turn++}`))
  })

async function run(seconds: number) {
  const end = performance.now() + seconds * 1000
  await Promise.all(
    Array.from({ length: load.connections }, async () => {
      while (performance.now() < end) await once()
    }),
  )
}

await run(1)
latencies.length = 0
await run(load.seconds)
latencies.sort((a, b) => a - b)
console.log(JSON.stringify({ perSecond: latencies.length / load.seconds, p99: latencies[Math.floor(latencies.length * 0.99)], failures }))
process.exit(0)
