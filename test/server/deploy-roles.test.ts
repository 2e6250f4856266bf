// Processes with the roles apart, behind one address, with the files of deploy/.
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/config.ts'
import { type RunningService, startService } from '../../src/main.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { findFreePort } from '../support/program.ts'
import { createTestClient, referenceRecording, referenceText } from '../support/service.ts'
import { until } from '../support/until.ts'
import { hostOf, proxies, send, tls, type Upstreams } from './deploy-proxies.ts'

let control: RunningService
let speech: RunningService
let path: string
let closeAll: () => Promise<void>
beforeAll(async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  const dataDir = await makeDirectory()
  const shared = { DATABASE_URL: database.url, DATA_DIR: dataDir, RECOGNIZERS: '1', LOG_LEVEL: 'error' }
  const port = String(await findFreePort())
  const internal = `http://127.0.0.1:${port}`
  control = await startService(readConfig({ ...shared, PORT: '0', ROLES: 'api,jobs', INTERNAL_URL: internal, PUBLIC_URL: internal }))
  speech = await startService(readConfig({ ...shared, PORT: port, ROLES: 'speech' }))
  const client = createTestClient(control.localUrl, control.key)
  const { httpUrl } = await client.deployEndpoint()
  path = httpUrl.replace(internal, '')
  closeAll = async () => {
    await client.dispose()
    await Promise.all([control.close(), speech.close()])
    await database.drop()
    await rm(dataDir, { recursive: true, force: true })
  }
})
afterAll(() => closeAll())

/** Search and Dictation writes no full stop. */
const words = referenceText.replace('.', '')

const hostOfService = ({ localUrl }: RunningService) => new URL(localUrl).host
const upstreams = {
  nginx: (): Upstreams => [
    ['server 10.0.0.1:4000 max_fails=0;\n', `server ${hostOfService(control)};\n`],
    ['server 10.0.0.2:4000 max_fails=0;\n', '\n'],
    ['server 10.0.0.3:4000 max_fails=0;\n', `server ${hostOfService(speech)};\n`],
    // A machine that is away: its requests go to the other one.
    ['server 10.0.0.4:4000 max_fails=0;\n', 'server 127.0.0.1:9;\n'],
  ],
  caddy: (): Upstreams => [
    ['dynamic a api 4000', `dynamic a ${hostOfService(control).replace(':', ' ')}`],
    ['dynamic a speech 4000', `dynamic a ${hostOfService(speech).replace(':', ' ')}`],
  ],
}

describe.each([
  ['nginx', 'nginx.roles.conf'],
  ['caddy', 'Caddyfile.roles'],
] as const)('%s sends each request to its role:', (name, file) => {
  test('queries, uploads, recordings and both kinds of WebSockets', async () => {
    const { port, log, errors } = await proxies[name](file, upstreams[name]())
    const bearer = { authorization: `Bearer ${control.key}` }
    const query = await send(port, '/graphql', { body: '{"query":"{ locales { code } }"}', headers: { ...bearer, 'content-type': 'application/json' } })
    expect(query.text).toContain('en-US')
    const upload = await send(port, '/uploads', { method: 'PUT', body: 'We walked along the river.\n'.repeat(100_000), headers: bearer })
    expect([upload.status, upload.text]).toEqual([201, expect.any(String)])

    const recording = referenceRecording()
    for (const end of ['', `&Ocp-Apim-Subscription-Key=${control.key}`]) {
      const recognized = await send(port, `${path}${end}`, { body: recording, headers: { 'content-type': 'audio/wav', ...(end ? {} : bearer) } })
      expect(JSON.parse(recognized.text).DisplayText).toBe(words)
    }
    const listed = await send(port, '/v1/models', { headers: bearer })
    expect(listed.text).toContain('"data":[{')
    expect((await send(port, '/sts/v1.0/issueToken', { method: 'POST', body: '', headers: bearer })).text).toContain('cst_')

    const phrases = await recognize(`wss://127.0.0.1:${port}${path}&Ocp-Apim-Subscription-Key=${control.key}`, port, recording)
    expect(phrases).toContain(words)
    const socket = new WebSocket(`wss://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', { ...tls, headers: hostOf(port) })
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')

    socket.terminate()
    await until(async () => /speech\/recognition/.test(await readFile(log, 'utf8').catch(() => '')))
    expect(await readFile(log, 'utf8')).not.toContain(control.key)
    expect(errors()).not.toContain(control.key)
    // The figures of the processes are not public.
    for (const address of ['/metrics', '/metrics?x', '//metrics', '/%6detrics']) expect((await send(port, address)).status).toBe(404)
  })
})

describe.each([
  ['nginx', 'nginx.roles.conf'],
  ['caddy', 'Caddyfile.roles'],
] as const)('%s repeats no mutation:', (name, file) => {
  test.each([
    ['closes the connection', 'CLOSE'],
    ['answers 503', 'UNAVAILABLE'],
  ] as const)('a small POST to a process that executes it and %s is executed once', async (_, behavior) => {
    const processes = [await openProcess(behavior), await openProcess(behavior)]
    const [first = '', second = ''] = processes.map(({ host }) => host)
    const { port } = await proxies[name](
      file,
      name === 'nginx'
        ? [
            ['10.0.0.1:4000', first],
            ['10.0.0.2:4000', second],
          ]
        : [['dynamic a api 4000 {\n\t\t\t\trefresh 2s\n\t\t\t}', `to ${first} ${second}`]],
    )
    const headers = { 'content-type': 'application/json' }
    const executed = () => processes.reduce((sum, { executions }) => sum + executions(), 0)
    for (const [n, more] of [{}, { connection: 'keep-alive' }].entries()) {
      const { status } = await send(port, '/graphql', { body: '{"query":"mutation { nothing }"}', headers: { ...headers, ...more } })
      expect([502, 503]).toContain(status)
      expect(executed()).toBe(n + 1)
    }
  })
})

/** A process that answers `/health`, and executes each POST before it fails. */
async function openProcess(behavior: 'CLOSE' | 'UNAVAILABLE') {
  let executions = 0
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.end()
    for await (const _ of request);
    executions++
    if (behavior === 'CLOSE') request.socket.destroy()
    else response.writeHead(503).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, executions: () => executions }
}

/** Sends a recording as one turn and returns all messages. */
async function recognize(url: string, port: number, wav: Buffer): Promise<string> {
  const socket = new WebSocket(url, { ...tls, headers: hostOf(port) })
  onTestFinished(() => socket.terminate())
  let received = ''
  socket.on('message', (data) => (received += data))
  await once(socket, 'open')
  const headers = Buffer.from(`Path: audio\r\nX-RequestId: ${'a'.repeat(32)}\r\n`)
  for (const bytes of [wav, Buffer.alloc(0)]) socket.send(Buffer.concat([Buffer.from([0, headers.length]), headers, bytes]))
  await until(() => received.includes('turn.end') || socket.readyState === WebSocket.CLOSED)
  return received
}
