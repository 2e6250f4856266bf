// Clients that do not read, and clients without a key, on a server with small limits.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { listen } from '../../src/http/listen.ts'
import { limitStrangers, welcome } from '../../src/http/strangers.ts'
import { limitUnread, type UnreadLimits } from '../../src/http/unread.ts'
import { until } from '../support/until.ts'

const plenty: UnreadLimits = { maxMs: 600_000, minBytes: 1024, maxBytes: 2 ** 30, maxSum: 2 ** 30 }
/** More than the kernel's buffers take on both sides. */
const body = Buffer.alloc(24 * 2 ** 20)

async function openServer(limits: UnreadLimits, answer: (response: ServerResponse) => void = (response) => response.end(body)) {
  const server = createServer((request, response) => {
    unread.begin(request, response)
    answer(response)
  })
  const unread = limitUnread(server, limits)
  const { dial } = await start(server)
  const ask = async () => {
    const socket = await dial()
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n')
    return socket
  }
  return { unread, ask }
}

async function start(server: ReturnType<typeof createServer>) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { dial: () => dial(port) }
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

describe('a client that does not read is disconnected', () => {
  test('after the timeout', async () => {
    const { unread, ask } = await openServer({ ...plenty, maxMs: 1_500 })
    await ask()
    await until(() => unread.bytes > 0)
    await until(() => unread.cut.time === 1)
    await until(() => unread.connections === 0 && unread.bytes === 0)
  })

  test('in the middle of an event stream', async () => {
    const { unread, ask } = await openServer({ ...plenty, maxMs: 1_500 }, (response) => {
      const sending = setInterval(() => response.write(Buffer.alloc(2 ** 20)), 10)
      response.once('close', () => clearInterval(sending))
    })
    await ask()
    await until(() => unread.cut.time === 1)
  })

  test('with too many bytes', async () => {
    const { unread, ask } = await openServer({ ...plenty, maxBytes: 2 ** 20 })
    await ask()
    await until(() => unread.cut.bytes === 1)
  })

  test('longest without progress first, when all clients together leave too many bytes unread', async () => {
    const { unread, ask } = await openServer({ ...plenty, maxSum: 60 * 2 ** 20 })
    const reader = await ask()
    reader.on('data', () => {})
    for (let n = 0; n < 5; n++) await ask()
    await until(() => unread.cut.sum >= 1)
    await until(() => unread.bytes <= 60 * 2 ** 20)
    expect(unread.cut.sum).toBeLessThan(6)
    expect(reader.destroyed).toBe(false)
  })

  test('but not while it reads slowly', { timeout: 60_000 }, async () => {
    const { unread, ask } = await openServer({ ...plenty, maxMs: 3_000 })
    const socket = await ask()
    const began = performance.now()
    let read = 0
    while (performance.now() - began < 8_000) {
      read += (socket.read() as Buffer | null)?.length ?? 0
      await delay(50)
    }
    expect(read).toBeGreaterThan(0)
    expect(socket.destroyed).toBe(false)
    expect(unread.cut.time).toBe(0)
  })
})

test('the oldest stranger is disconnected for a new one, and clients with a key stay connected', async () => {
  const server = createServer((request, response) => {
    welcome(request)
    response.end()
  })
  const strangers = limitStrangers(server, 3)
  const { dial } = await start(server)
  const known = await dial()
  known.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n')
  await once(known, 'data')
  const first = await dial()
  first.resume()
  const gone = once(first, 'close')
  for (let n = 0; n < 5; n++) await dial()
  await gone
  await until(() => strangers.cut === 3)
  expect(strangers.count).toBe(3)
  expect(known.destroyed).toBe(false)
})

test('each route has a time limit for incoming requests', async () => {
  const server = await listen(readConfig({ PORT: '0', DATA_DIR: '/nowhere', PUBLIC_URL: 'https://speech.example' }).http)
  onTestFinished(() => server.close())
  server.serve([{ name: 'any', matches: () => true, maxRequestMs: 300, handle: async (request) => void request.resume() }])
  const socket = await dial(server.port)
  socket.write('POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nx')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 408 .*strict-transport-security: max-age=31536000.*REQUEST_TOO_SLOW/s)
})
