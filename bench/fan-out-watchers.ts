// Many subscribers of two servers in one process, which reports when the last of them has received an event.
import { once } from 'node:events'
import { WebSocket } from 'ws'

const { TARGETS = '{}', KEY = '', WATCHERS = '1', SUBSCRIBE = '{}' } = process.env
const watchers = Number(WATCHERS)
const atOnce = 100

const heard = { ours: 0, raw: 0 }
let isReady = false

async function open(kind: 'ours' | 'raw', url: string) {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { perMessageDeflate: false })
  await once(socket, 'open')
  if (kind === 'ours') {
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${KEY}` } }))
    await once(socket, 'message')
    const id = crypto.randomUUID()
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: JSON.parse(SUBSCRIBE) }))
    // The first message has the current status.
    await once(socket, 'message')
  }
  socket.on('message', (data) => {
    if (!isReady || ++heard[kind] < watchers) return
    heard[kind] = 0
    process.send?.({ lastAt: String(process.hrtime.bigint()), text: String(data) })
  })
  socket.on('close', (code, reason) => {
    console.error(`a watcher was closed: ${code} ${reason}`)
    process.exit(1)
  })
}

for (const [kind, url] of Object.entries(JSON.parse(TARGETS) as Record<'ours' | 'raw', string>)) {
  for (let opened = 0; opened < watchers; opened += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, watchers - opened) }, () => open(kind as 'ours' | 'raw', url)))
}
isReady = true
process.on('SIGTERM', () => process.exit(0))
process.send?.('ready')
