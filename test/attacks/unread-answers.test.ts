// Clients without a key request the largest answer and never read it, or only hold connections.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { figure } from '../faults/figure.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', LOG_LEVEL: 'silent' })
})
afterAll(() => api?.close())

const megabytes = () => Math.round(process.memoryUsage.rss() / 1e6)

async function ask(paths: readonly string[], encoding: string): Promise<Socket> {
  const socket = connect({ port: Number(new URL(api.localUrl).port), host: '127.0.0.1' })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.pause()
  for (const path of paths) socket.write(`GET ${path} HTTP/1.1\r\nHost: here\r\nAccept: text/html\r\nAccept-Encoding: ${encoding}\r\n\r\n`)
  return socket
}

test.each(['identity', 'br'])('80 sockets that never read cost little memory (%s)', async (encoding) => {
  const page = await (await fetch(`${api.localUrl}/graphql`, { headers: { accept: 'text/html' } })).text()
  // Each socket requests the page and its files repeatedly.
  const files = [...page.slice(0, 100_000).matchAll(/(?:src|href)="((?!data:)[^"]+)"/g)].map(([, path]) => `/${path}`)
  for (const path of files) await (await fetch(`${api.localUrl}${path}`)).arrayBuffer()
  const before = megabytes()
  const sockets = await Promise.all(Array.from({ length: 80 }, () => ask(['/graphql', ...files, ...files, ...files], encoding)))
  let most = 0
  for (let n = 0; n < 20; n++) {
    await delay(200)
    most = Math.max(most, megabytes())
  }
  const began = performance.now()
  expect((await fetch(`${api.localUrl}/health`)).status).toBe(200)
  const health = performance.now() - began
  for (const socket of sockets) socket.destroy()
  figure(`80 unread answers (${encoding})`, { 'MB before': before, 'MB with them': most, 'health ms': Math.round(health) })
  expect(most - before).toBeLessThan(150)
})

test('2,000 silent connections do not exclude clients', async () => {
  const port = Number(new URL(api.localUrl).port)
  const sockets = Array.from({ length: 2_000 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}))
  await Promise.all(sockets.slice(0, 500).map((socket) => (socket.connecting ? once(socket, 'connect') : undefined)))
  const began = performance.now()
  for (let n = 0; n < 20; n++) expect((await api.ask('{ locales { code } }')).errors).toBeUndefined()
  const ms = (performance.now() - began) / 20
  expect(await api.readFigure('http_strangers')).toBeLessThanOrEqual(1_000)
  figure('2,000 silent strangers', { 'ms per request of a client': ms })
  for (const socket of sockets) socket.destroy()
})
