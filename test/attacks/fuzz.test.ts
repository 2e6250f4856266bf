// Random bytes in place of structured messages. The seed is printed; FUZZ_SEED repeats or varies a run, FUZZ_RUNS lengthens it.
import { connect } from 'node:net'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { start } from '../support/program.ts'
import { referenceRecording } from '../support/service.ts'
import { watchEventLoop } from './event-loop.ts'

const seed = Number(process.env['FUZZ_SEED'] ?? 20261127)
const runs = Number(process.env['FUZZ_RUNS'] ?? 100)

let url = ''
let key = ''
let endpoint: { httpUrl: string; webSocketUrl: string }
let readLoop: ReturnType<typeof watchEventLoop>['readLoop']
const closing: (() => unknown)[] = []

beforeAll(async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  closing.push(database.drop)
  const directory = await makeDirectory()
  const loop = watchEventLoop(directory)
  const settings = {
    DATABASE_URL: database.url,
    DATA_DIR: join(directory, 'data'),
    LOG_LEVEL: 'silent',
    ...loop.settings,
  }
  const server = await start(settings, (close) => closing.push(() => close({} as never)))
  ;({ url, key } = server)
  const { deployment } = await server.deploy()
  if (!deployment.endpoint) throw new Error('The deployment has no endpoint.')
  endpoint = deployment.endpoint
  readLoop = loop.readLoop
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

/**
 * Runs the property twice: the first pass loads and compiles what it needs, the second one must not grow. Prints the
 * longest time that the server's event loop took the processor without a pause, which other processes do not lengthen.
 */
async function fuzz<T>(name: string, arbitrary: fc.Arbitrary<T>, attack: (value: T) => Promise<void>) {
  const property = () => fc.assert(fc.asyncProperty(arbitrary, attack), { seed, numRuns: runs, endOnFailure: true })
  await property()
  const warm = await readLoop()
  await property()
  const { busy, memoryMb } = await readLoop()
  const grown = memoryMb - warm.memoryMb
  console.log(`${name}: 2 x ${runs} runs, seed ${seed}: event loop busy ${busy.toFixed(0)} ms at most, memory ${grown.toFixed(0)} MB more`)
  expect((await fetch(`${url}/health`)).status).toBe(200)
  expect(busy).toBeLessThan(50)
  expect(grown).toBeLessThan(64)
}

const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array).toString('latin1'))

/** A text in which some characters are replaced, removed, doubled or preceded by random bytes. */
const mutated = (text: string) =>
  fc
    .array(fc.tuple(fc.nat(text.length), fc.constantFrom('replace', 'remove', 'double', 'insert'), bytes), { maxLength: 4 })
    .map((changes) => changes.reduce((changed, change) => mutate(changed, ...change), text))

function mutate(text: string, at: number, kind: string, random: string): string {
  const rest = kind === 'insert' ? text.slice(at) : text.slice(at + random.length)
  if (kind === 'double') return text.slice(0, at) + text.slice(at, at + 20) + text.slice(at)
  return text.slice(0, at) + (kind === 'remove' ? '' : random) + rest
}

/** Sends bytes to the port; returns the answer until the server closes or is silent. */
function sendRaw(text: string): Promise<string> {
  return new Promise((answered) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.end(text, 'latin1'))
    let answer = ''
    socket.setTimeout(500, () => socket.destroy())
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => answered(answer))
  })
}

const statusesOf = (answer: string) => [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))

test('the server survives random HTTP heads', { timeout: 300_000 }, async () => {
  const body = '{"query":"{ __typename }"}'
  const heads = [
    `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    `GET /graphql?query=%7B__typename%7D&variables=%7B%7D HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nAccept: text/event-stream\r\n\r\n`,
    `PUT /uploads?kind=text HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na b\r\n0\r\n\r\n`,
    `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 20\r\n\r\n--b\r\nContent-Disposit`,
    `GET /speech/recognition/conversation/cognitiveservices/v1?language=en-US&cid=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  ]
  await fuzz('HTTP heads', fc.oneof(...heads.map(mutated)), async (head) => {
    for (const status of statusesOf(await sendRaw(head))) expect(status).toBeLessThan(500)
  })
})

/** Opens a WebSocket, sends the messages and returns the close code, if the server closes soon. */
async function exchange(to: string, protocols: string[], messages: (string | Buffer)[], headers: Record<string, string> = {}) {
  const socket = new WebSocket(to, protocols, { headers })
  const received: string[] = []
  socket.on('message', (data) => received.push(String(data)))
  const closed = new Promise<number | undefined>((done) => {
    socket.on('error', () => done(undefined))
    socket.on('close', (code) => done(code))
  })
  const opened = new Promise((open) => socket.once('open', open))
  await Promise.race([opened, closed])
  for (const message of messages) if (socket.readyState === WebSocket.OPEN) socket.send(message)
  const quiet = new Promise<undefined>((done) => setTimeout(done, 60))
  const code = await Promise.race([closed, quiet])
  socket.terminate()
  return { code, received }
}

test('the server survives random GraphQL messages over WebSocket', { timeout: 300_000 }, async () => {
  const begin = JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } })
  const messages = [
    begin,
    JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { deploymentStatusChanged { __typename } }', variables: {} } }),
    JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ deployments(first: 1) { nodes { id } } }', extensions: null } }),
    JSON.stringify({ id: '1', type: 'complete' }),
    JSON.stringify({ type: 'ping', payload: { a: [1] } }),
  ]
  const sequence = fc.array(fc.oneof(...messages.map(mutated)), { maxLength: 5 }).map((random) => [begin, ...random])
  await fuzz('GraphQL messages', sequence, async (random) => {
    const { code, received } = await exchange(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], random)
    expect([1011, 4500]).not.toContain(code)
    expect(received.join('\n')).not.toMatch(/RECOGNITION_FAILED|Something went wrong/)
  })
})

test('the server survives random speech messages over WebSocket', { timeout: 300_000 }, async () => {
  const id = '0123456789ABCDEF0123456789ABCDEF'
  const head = `Path: audio\r\nX-RequestId: ${id}\r\nX-StreamId: 1\r\n`
  const texts = [
    `Path: speech.config\r\nX-Timestamp: 2026-11-27T00:00:00Z\r\nContent-Type: application/json\r\n\r\n{"context":{"system":{"name":"SpeechSDK","version":"1.44.0"},"audio":{"source":{"type":"File"}}}}`,
    `Path: speech.context\r\nX-RequestId: ${id}\r\n\r\n{"dgi":{"Groups":[{"Type":"Generic","Items":[{"Text":"clubs"}]}]},"phraseDetection":{"mode":"Interactive"}}`,
    `Path: telemetry\r\nX-RequestId: ${id}\r\n\r\n{"ReceivedMessages":[]}`,
    'no headers at all',
  ]
  const binary = mutated(head).chain((headers) =>
    fc
      .tuple(fc.oneof(fc.constant(headers.length), fc.nat(65_535)), bytes)
      .map(([length, audio]) => Buffer.concat([Buffer.from([length >> 8, length & 255]), Buffer.from(headers + audio, 'latin1')])),
  )
  const sequence = fc.array(fc.oneof(...texts.map(mutated), binary), { minLength: 1, maxLength: 6 })
  await fuzz('speech messages', sequence, async (messages) => {
    const { code } = await exchange(endpoint.webSocketUrl, [], messages, { 'Ocp-Apim-Subscription-Key': key })
    expect(code).not.toBe(1011)
  })
})

test('the server survives random WAV headers', { timeout: 300_000 }, async () => {
  const recording = Buffer.from(referenceRecording())
  const head = recording.subarray(0, 60).toString('latin1')
  const silence = '\0'.repeat(8000)
  await fuzz('WAV headers', mutated(head), async (changed) => {
    const response = await fetch(endpoint.httpUrl, {
      method: 'POST',
      headers: { 'Ocp-Apim-Subscription-Key': key, 'Content-Type': 'audio/wav' },
      body: Buffer.from(changed + silence, 'latin1'),
    })
    expect([response.status < 500, await response.text()]).toEqual([true, expect.any(String)])
  })
})

test('the server survives random cursors', { timeout: 300_000 }, async () => {
  const ask = async (query: string, variables: object) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    return { status: response.status, text: await response.text() }
  }
  const page = await ask('{ deployments(first: 1) { pageInfo { endCursor } changesCursor } models(first: 1) { pageInfo { endCursor } } }', {})
  const { deployments, models } = JSON.parse(page.text).data
  const decoded = [deployments.pageInfo.endCursor, deployments.changesCursor, models.pageInfo.endCursor].map((cursor: string) =>
    Buffer.from(cursor, 'base64').toString('latin1'),
  )
  const cursor = fc.oneof(
    ...decoded.map((text) => mutated(text).map((changed) => Buffer.from(changed, 'latin1').toString('base64'))),
    ...decoded.map((text) => mutated(Buffer.from(text, 'latin1').toString('base64'))),
    fc.string({ unit: 'binary', maxLength: 100 }),
  )
  const queries = [
    'query ($cursor: String) { deployments(after: $cursor, first: 2) { nodes { id } } }',
    'query ($cursor: String) { models(before: $cursor, last: 2) { nodes { id } } }',
    'query ($cursor: String) { keys(after: $cursor) { nodes { id } } }',
  ]
  await fuzz('cursors', cursor, async (random) => {
    for (const query of queries) {
      const { status, text } = await ask(query, { cursor: random })
      expect([status < 500, text]).toEqual([true, expect.not.stringMatching(/RECOGNITION_FAILED|UPLOAD_FAILED|Something went wrong/)])
    }
  })
})
