// The rest of a refused request is discarded, within limits.
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeInStages } from '../../src/http/linger.ts'
import { openHttpSocket, portOf } from '../support/http-socket.ts'
import { zeros } from '../support/refused-requests.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService()
})
afterAll(() => api.close())

test('a connection serves the next request after a refused request', async () => {
  const socket = await openHttpSocket(portOf(api))
  const answers = text(socket)
  const body = zeros.subarray(0, 300_000)
  socket.write(`POST /v1/audio/speech HTTP/1.1\r\nHost: here\r\nContent-Length: ${body.length}\r\n\r\n`)
  socket.write(body)
  socket.write('GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n')
  expect(await answers).toMatch(/^HTTP\/1\.1 404 .*does not synthesize.*HTTP\/1\.1 200 OK.*alive/s)
})

test('a connection that closes after its response does not serve a further request', async () => {
  const socket = await openHttpSocket(portOf(api))
  const answers = text(socket)
  const body = zeros.subarray(0, 300_000)
  socket.write(`POST /v1/audio/speech HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`)
  await delay(50)
  socket.write(body)
  socket.end('GET /health HTTP/1.1\r\nHost: here\r\n\r\n')
  const received = await answers
  expect(received).toMatch(/^HTTP\/1\.1 404 /)
  expect(received).not.toContain('alive')
})

const begin = async (header = '') => {
  const socket = await openHttpSocket(portOf(api))
  socket.write(`POST /nowhere HTTP/1.1\r\nHost: here\r\n${header}Content-Length: 10000000000\r\n\r\n`)
  await once(socket, 'data')
  socket.resume()
  return socket
}

test.concurrent.each(['', 'Connection: close\r\n'])(
  'a client that never ends its refused request is disconnected (%j)',
  { timeout: 30_000 },
  async (header) => {
    const socket = await begin(header)
    const dripping = setInterval(() => socket.write('x'), 20)
    await new Promise((closed) => socket.once('close', closed))
    clearInterval(dripping)
  },
)

test.each(['', 'Connection: close\r\n'])('a client that sends a refused request without end is disconnected (%j)', async (header) => {
  const socket = await begin(header)
  let sent = 0
  const closed = new Promise((done) => socket.once('close', done)).then(() => true)
  while (!socket.destroyed) {
    sent += 1 << 20
    if (!socket.write(Buffer.alloc(1 << 20))) await Promise.race([once(socket, 'drain').catch(() => {}), closed])
  }
  expect(sent).toBeLessThan(100 << 20)
})

test('with more than 256 connections of refused requests, the oldest are closed', () => {
  const sockets = Array.from({ length: 258 }, () => new PassThrough())
  for (const socket of sockets) closeInStages(socket)
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, ...Array(256).fill(false)])
  for (const socket of sockets) socket.destroy()
})
