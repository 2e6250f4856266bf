// The baseline: the ws library sends one buffer to all of its sockets.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { heapInUse } from './heap.ts'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, backlog: 4096 })
await once(server, 'listening')
process.on('message', async ({ text }: { text?: string }) => {
  if (text === undefined) return process.send?.(await heapInUse())
  const frame = Buffer.from(text)
  const startedAt = process.hrtime.bigint()
  for (const client of server.clients) client.send(frame, { binary: false })
  process.send?.(String(startedAt))
})
process.on('SIGTERM', () => process.exit(0))
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
