// A client process that keeps connections busy; measures each load that its parent sends and answers with what it measured.
// It writes requests to sockets directly, so that it needs less CPU than any server that it measures.
import { connect } from 'node:net'

export interface Load {
  url: string
  /** Headers of the connections, in turn. */
  senders: Record<string, string>[]
  /** Sent in turn; %n stands for a number that is never used twice. */
  bodies: string[]
  connections: number
  seconds: number
}

export interface LoadMeasured {
  answers: number
  perSecond: number
  p99: number
  failures: number
  /** The share of a core that this process used. */
  cpuShare: number
}

process.on('message', async (load: Load) => process.send?.(await measure(load)))
process.on('disconnect', () => process.exit(0))

let sent = 0

async function measure(load: Load): Promise<LoadMeasured> {
  const latencies: number[] = []
  let failures = 0
  const cpu = process.cpuUsage()
  const started = performance.now()
  const end = started + load.seconds * 1000
  await Promise.all(
    Array.from({ length: load.connections }, (_, index) => {
      const write = toWriter(load, load.senders[index % load.senders.length] ?? {})
      return keepBusy(new URL(load.url), write, end, (ms, isSuccess) => {
        latencies.push(ms)
        if (!isSuccess) failures++
      })
    }),
  )
  const elapsed = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  latencies.sort((a, b) => a - b)
  return {
    answers: latencies.length,
    perSecond: (latencies.length / elapsed) * 1000,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
    failures,
    cpuShare: (user + system) / 1000 / elapsed,
  }
}

/** Gives the next request as text; those without a number are written once. */
function toWriter({ url, bodies }: Load, headers: Record<string, string>): () => string {
  const { host, pathname } = new URL(url)
  const shared = Object.entries({ host, 'content-type': 'application/json', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST ${pathname} HTTP/1.1\r\n${shared.join('')}content-length: `
  const toRequest = (body: string) => `${head}${Buffer.byteLength(body)}\r\n\r\n${body}`
  const written = bodies.map((body) => (body.includes('%n') ? undefined : toRequest(body)))
  return () => {
    const number = sent++
    const index = number % bodies.length
    return written[index] ?? toRequest((bodies[index] ?? '').replace('%n', `${process.pid}-${number}`))
  }
}

type Answered = (ms: number, isSuccess: boolean) => void

/** One request after another on one connection until the end. */
function keepBusy(url: URL, next: () => string, end: number, answered: Answered): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect(Number(url.port), url.hostname)
    socket.setNoDelay(true).setEncoding('latin1')
    let text = ''
    let started = 0
    const send = () => {
      text = ''
      started = performance.now()
      socket.write(next())
    }
    socket.on('connect', send)
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!isComplete(text)) return
      const now = performance.now()
      answered(now - started, text.startsWith('HTTP/1.1 200') && !text.includes('"errors"') && !text.includes('"message"'))
      if (now < end) send()
      else socket.end()
    })
    socket.on('close', () => (text && isComplete(text) ? done() : failed(new Error(`${url} closed a connection before its answer was complete.`))))
    socket.on('error', failed)
  })
}

/** In Latin-1, a character is a byte. */
function isComplete(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const [, length] = /content-length: (\d+)/i.exec(text.slice(0, headEnd)) ?? []
  return length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= headEnd + 4 + Number(length)
}
