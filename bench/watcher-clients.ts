// Sockets that subscribe to one deployment each, in a separate process that reports when the expected number of events has arrived.
import { once } from 'node:events'
import { WebSocket } from 'ws'

const { URL: url = '', KEY = '', QUERY = '' } = process.env
const atOnce = 100
let expected = 0
let heard = 0

async function open(id: string) {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { perMessageDeflate: false })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${KEY}` } }))
  await once(socket, 'message')
  socket.send(JSON.stringify({ id: crypto.randomUUID(), type: 'subscribe', payload: { query: QUERY, variables: { id } } }))
  // The first message has the current status.
  await once(socket, 'message')
  socket.on('message', () => {
    if (++heard === expected) process.send?.({ at: String(process.hrtime.bigint()) })
  })
  socket.on('close', (code, reason) => {
    console.error(`a watcher was closed: ${code} ${reason}`)
    process.exit(1)
  })
}

process.on('message', async ({ ids, expect }: { ids?: string[]; expect?: number }) => {
  if (ids) {
    for (let opened = 0; opened < ids.length; opened += atOnce) await Promise.all(ids.slice(opened, opened + atOnce).map(open))
  } else {
    heard = 0
    expected = expect ?? 0
  }
  process.send?.('ready')
})
process.on('SIGTERM', () => process.exit(0))
process.send?.('started')
