// Some watchers stop reading while events continue.
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, inject, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { percentile } from '../../bench/table.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { findFreePort, start } from '../support/program.ts'
import { createTestClient } from '../support/service.ts'
import { figure } from './figure.ts'
import { openWriter } from './writer.ts'

const key = 'cs_faults-slow-watcher-0123456789'
const events = 200
/** A long message, so that seconds of this test equal hours of use: 20 MB would wait for each watcher that does not read. */
const message = 'm'.repeat(100_000)
const [slowSockets, slowStreams, quick] = [16, 4, 4]

test('watchers that stop reading are disconnected with a reason, memory stays bounded, and other watchers see no delay', async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const { child } = await start({ DATABASE_URL: database.url, DATA_DIR: await makeDirectory(), PORT: String(port), ROLES: 'api', BOOTSTRAP_KEY: key })
  onTestFinished(database.drop)
  const api = createTestClient(url, key)
  onTestFinished(api.dispose)
  const { id } = (await api.create()).deployment
  const query = 'subscription ($id: ID!) { deploymentStatusChanged(deploymentId: $id) { ... on DeploymentStatusChange { sequence message } } }'
  const body = JSON.stringify({ query, variables: { id } })

  const watchSocket = async (hear: () => void) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { perMessageDeflate: false })
    onTestFinished(() => socket.terminate())
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } })))
    const closed = new Promise<{ code: number; reason: string }>((done) => socket.on('close', (code, reason) => done({ code, reason: String(reason) })))
    await new Promise<void>((present) =>
      socket.on('message', (data: Buffer) => {
        const type = /"type":"(\w+)"/.exec(data.subarray(0, 100).toString())?.[1]
        if (type === 'connection_ack') socket.send(`{"id":"1","type":"subscribe","payload":${body}}`)
        else if (type === 'next') {
          hear()
          present()
        }
      }),
    )
    return { socket, closed }
  }
  const watchStream = () =>
    new Promise<{ readToEnd(): Promise<string> }>((opened, failed) => {
      const headers = { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${key}` }
      const sent = request(`${url}/graphql`, { method: 'POST', headers }, (response) => {
        onTestFinished(() => void response.destroy())
        let end = ''
        response.pause()
        opened({
          readToEnd: () =>
            new Promise((done) => {
              response.on('data', (chunk) => (end = (end + chunk).slice(-1000)))
              response.on('close', () => done(end))
              response.resume()
            }),
        })
      })
      sent.on('error', failed)
      sent.end(body)
    })
  const memory = async () => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024

  let heard = 0
  let allHeard = () => {}
  for (let n = 0; n < quick; n++)
    await watchSocket(() => {
      if (++heard % quick === 0) allHeard()
    })
  const writer = openWriter(database.url)
  const flood = async () => {
    const delays: number[] = []
    let most = 0
    for (let n = 0; n < events; n++) {
      const all = new Promise<void>((done) => (allHeard = done))
      const committedAt = await writer.write(id, message)
      await all
      delays.push(performance.now() - committedAt)
      if (n % 10 === 0) most = Math.max(most, await memory())
    }
    return { p99: percentile(delays, 0.99), p50: percentile(delays, 0.5), most }
  }
  const alone = await flood()
  const slow = await Promise.all(Array.from({ length: slowSockets }, () => watchSocket(() => {})))
  for (const { socket } of slow) socket.pause()
  const streams = await Promise.all(Array.from({ length: slowStreams }, watchStream))
  const beside = await flood()

  // The watchers read again and find the close code.
  await delay(100)
  for (const { socket } of slow) socket.resume()
  for (const { closed } of slow) expect(await closed).toEqual({ code: 4413, reason: expect.stringContaining('Slow consumer') })
  for (const { readToEnd } of streams) expect(await readToEnd()).toContain('"code":"SLOW_CONSUMER"')
  // The size of the messages without a bound, except those in the buffers of the kernel.
  const unbounded = ((slowSockets + slowStreams) * events * message.length) / 2 ** 20
  expect(beside.most - alone.most).toBeLessThan(unbounded / 2)
  expect(beside.p50).toBeLessThan(alone.p50 * 3 + 20)
  figure('watchers that stop reading', {
    'memory more, MB': beside.most - alone.most,
    'without a bound, MB': unbounded,
    'others, p50 before, ms': alone.p50,
    'p50 beside, ms': beside.p50,
    'p99 before, ms': alone.p99,
    'p99 beside, ms': beside.p99,
  })
})
