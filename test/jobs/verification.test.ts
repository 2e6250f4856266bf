// The calls by which provisioning proves an endpoint, when the endpoint is busy, away or refuses.
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { CallFailure } from '../../src/jobs/call-failure.ts'
import { callWebSocket } from '../../src/jobs/call-websocket.ts'
import { collect, librivoxRecordings, openTestService, referenceRecording, type Service, type StatusChange, startTestService } from '../support/service.ts'
import { samplesOf } from '../support/speech-client.ts'
import { openSocket } from '../support/speech-socket.ts'
import { until } from '../support/until.ts'
import { type HttpFault, openFaultyEndpoint, type SocketFault } from './faulty-endpoint.ts'

const novel = librivoxRecordings()
/** The header of a live stream, without a length, so that the turn continues. */
const [header] = novel.map(({ wav }) => Buffer.from(wav.subarray(0, 44))) as [Buffer]
header.writeUInt32LE(0, 40)
const talk = Buffer.concat([header, ...novel.map(({ wav }) => samplesOf(wav))])

/** Creates a deployment and returns all of its changes. */
async function deploy(api: Service): Promise<StatusChange[]> {
  const { deployment } = await api.create()
  return collect(api.watch(deployment.id))
}

const countedTries = (changes: readonly StatusChange[]) => changes.filter(({ message }) => /^Try \d of \d failed/.test(message))

describe('busy recognizers and sessions', () => {
  const many = 5
  const deployMany = async (api: Service) => {
    const all = await Promise.all(Array.from({ length: many }, () => deploy(api)))
    for (const changes of all) {
      expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE' })
      expect(countedTries(changes)).toEqual([])
    }
  }

  test('deployments become COMPLETE while clients use all capacity of the recognizers', { timeout: 180_000 }, async () => {
    const api = await startTestService({ RECOGNIZERS: '1' })
    const urls = [(await api.deployEndpoint()).webSocketUrl, (await api.deployEndpoint()).webSocketUrl]
    const held: Awaited<ReturnType<typeof openSocket>>[] = []
    const isFull = async () => (await api.readFigure('recognizer_streams_waiting')) > 0
    while (!(await isFull())) {
      const client = await openSocket(urls[held.length % 2]?.replace('interactive', 'conversation') as string, api.key)
      client.audio('a'.repeat(32), talk)
      held.push(client)
      const before = held.length
      await until(async () => (await api.readFigure('recognizer_streams')) >= before || (await isFull()))
    }
    await deployMany(api)
    // All accepted clients stay connected; the last one found no capacity.
    expect(held.filter(({ socket }) => socket.readyState === WebSocket.OPEN).length).toBe(held.length)
    expect(await api.readFigure('recognizer_streams')).toBeGreaterThanOrEqual(held.length - 1)
    for (const { socket } of held) socket.terminate()
  })

  test.each([
    ['every session of the process', 2, true],
    ['every socket of the process', 4, false],
  ])('deployments become COMPLETE while clients use %s', { timeout: 120_000 }, async (_, count, isTalking) => {
    const api = await startTestService({ MAX_SESSIONS: isTalking ? '2' : '1', MAX_SESSIONS_PER_KEY: '500' })
    const { webSocketUrl, httpUrl } = await api.deployEndpoint('CONVERSATIONAL')
    const held = []
    for (let n = 0; n < count; n++) {
      const client = await openSocket(webSocketUrl, api.key)
      held.push(client)
      if (isTalking) client.audio('a'.repeat(32), header)
      if (isTalking) await client.until(/turn\.start/)
    }
    if (isTalking) expect((await api.post(httpUrl, referenceRecording())).status).toBe(429)
    else {
      const refused = new WebSocket(webSocketUrl, { headers: { 'Ocp-Apim-Subscription-Key': api.key } })
      await expect(new Promise((_, failed) => refused.once('error', failed))).rejects.toThrow('503')
    }
    await deployMany(api)
    for (const { socket } of held) socket.terminate()
  })
})

describe('the endpoint', () => {
  let api: Service
  let endpoint: Awaited<ReturnType<typeof openFaultyEndpoint>>
  beforeAll(async () => {
    endpoint = await openFaultyEndpoint()
    api = await openTestService({ INTERNAL_URL: endpoint.url })
    endpoint.pointTo(api.localUrl)
  })
  afterAll(async () => {
    await api.close()
    await endpoint.close()
  })

  const answer =
    (status: number, body: string, headers: Record<string, string> = {}): HttpFault =>
    (response) =>
      void response.writeHead(status, headers).end(body)
  const problem = (code: string) => JSON.stringify({ code, detail: 'In words.' })
  const httpFaults: [string, HttpFault][] = [
    ['has too many requests', answer(429, problem('TOO_MANY_REQUESTS'), { 'retry-after': '1' })],
    ['has too many requests until a date', answer(429, '', { 'retry-after': new Date(Date.now() + 1000).toUTCString() })],
    ['is unavailable', answer(503, problem('SERVER_ENDING'))],
    ['is unavailable behind a proxy', answer(503, '<html>Service Unavailable</html>')],
    ['has a proxy that cannot reach it', answer(502, '<html>Bad Gateway</html>')],
    ['responds with 408', answer(408, '')],
    ['fails unexpectedly', answer(500, problem('RECOGNITION_FAILED'))],
    ['closes the connection before its response', (response) => response.destroy()],
    [
      'closes the connection during its response',
      (response) => void response.writeHead(200, { 'content-length': '100' }).write('{"Rec', () => response.destroy()),
    ],
    ['returns the page of another server', answer(200, '<html>Welcome</html>')],
    ['returns an empty body', answer(200, '')],
  ]

  test.each(httpFaults)('provisioning repeats the call to an endpoint that %s over HTTP', async (_, fault) => {
    endpoint.faults.http.push(fault)
    const changes = await deploy(api)
    expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE' })
    expect(countedTries(changes)).toEqual([])
    expect(endpoint.faults.http).toEqual([])
  })

  const say = (phrase: object | undefined): SocketFault & object => ({
    answer(socket: WebSocket, requestId: string) {
      const send = (path: string, body: object | string) =>
        socket.send(`Path:${path}\r\nX-RequestId:${requestId}\r\n\r\n${typeof body === 'string' ? body : JSON.stringify(body)}`)
      send('turn.start', {})
      if (phrase) send('speech.phrase', phrase)
      send('turn.end', '')
    },
  })
  const closeWith = (code: number, reason = ''): SocketFault => ({ answer: (socket) => socket.close(code, reason) })
  const socketFaults: [string, SocketFault][] = [
    ['has too many requests', say({ RecognitionStatus: 'TooManyRequests' })],
    ['has an error', say({ RecognitionStatus: 'Error' })],
    ['closes with 1001 because its server ends', closeWith(1001, 'The server is shutting down. Connect again.')],
    ['closes with 1011 because its recognizer crashed', closeWith(1011, 'RECOGNIZER_CRASHED: The recognizer crashed. Connect again.')],
    ['closes with 1012 because it restarts', closeWith(1012)],
    ['closes with 1013 because it is overloaded', closeWith(1013)],
    ['closes with 1007 because its server ended before the response', closeWith(1007, 'SERVER_ENDING: The server shut down before the recognition ended.')],
    ['closes with 1007 because of too many sessions', closeWith(1007, 'TOO_MANY_SESSIONS: This key has 2 sockets open.')],
    ['closes with 1000', closeWith(1000)],
    ['loses its connection', { answer: (socket) => socket.terminate() }],
    ['loses its connection before it is open', { cut: true }],
    ['is full at the upgrade', { refuse: '503 Service Unavailable' }],
    ['has too many requests at the upgrade', { refuse: '429 Too Many Requests' }],
    ['has a proxy that cannot reach it', { refuse: '502 Bad Gateway' }],
  ]

  test.each(socketFaults)('provisioning repeats the call to an endpoint that %s over WebSocket', async (_, fault) => {
    endpoint.faults.socket.push(fault)
    const changes = await deploy(api)
    expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE' })
    expect(countedTries(changes)).toEqual([])
    expect(endpoint.faults.socket).toEqual([])
  })

  test('provisioning waits for an endpoint that is busy longer than all tries, and its events give the reason', async () => {
    endpoint.faults.socket.push(...Array.from({ length: 6 }, () => say({ RecognitionStatus: 'TooManyRequests' })))
    const changes = await deploy(api)
    expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE' })
    expect(countedTries(changes)).toEqual([])
    const waits = changes.filter(({ message }) => /no capacity for the reference recording at present \(TooManyRequests\)\. The next call is in/.test(message))
    expect(waits.length).toBeGreaterThan(0)
    const progress = changes.filter(({ stage }) => stage === 'VERIFYING').map((change) => change.progress)
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
  })

  test('provisioning repeats the call to an endpoint that refuses connections for a moment', async () => {
    await endpoint.close()
    const { deployment } = await api.create()
    let isBack: Promise<void> | undefined
    const changes: StatusChange[] = []
    for await (const change of api.watch(deployment.id)) {
      changes.push(change)
      if (/does not answer/.test(change.message)) isBack ??= endpoint.reopen()
    }
    await isBack
    expect(isBack).toBeDefined()
    // The internal address is not for tenants.
    expect(JSON.stringify(changes)).not.toContain(new URL(endpoint.url).host)
    expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE' })
  })

  const refusals: [string, string, { http?: HttpFault; socket?: SocketFault }][] = [
    ['responds with ENDPOINT_NOT_FOUND', 'VERIFICATION_REFUSED', { http: answer(404, problem('ENDPOINT_NOT_FOUND')) }],
    ['forbids the call', 'VERIFICATION_REFUSED', { http: answer(403, '<html>Forbidden</html>') }],
    ['has an unusable model', 'VERIFICATION_REFUSED', { http: answer(503, problem('MODEL_UNUSABLE')) }],
    ['returns a silence timeout', 'TRANSCRIPT_WRONG', { http: answer(200, '{"RecognitionStatus":"InitialSilenceTimeout","DisplayText":""}') }],
    ['closes with 1007 because the key is unknown', 'VERIFICATION_REFUSED', { socket: closeWith(1007, 'KEY_INVALID: This key is unknown.') }],
    ['forbids the upgrade', 'VERIFICATION_REFUSED', { socket: { refuse: '403 Forbidden' } }],
    ['returns BadRequest', 'VERIFICATION_REFUSED', { socket: say({ RecognitionStatus: 'BadRequest' }) }],
    ['ends the turn without a phrase', 'TRANSCRIPT_WRONG', { socket: say(undefined) }],
    ['returns another transcript', 'TRANSCRIPT_WRONG', { socket: say({ RecognitionStatus: 'Success', DisplayText: 'Nothing of the kind.' }) }],
  ]

  test.each(refusals)('an endpoint that %s fails the deployment at once with %s', async (_, code, { http, socket }) => {
    if (http) endpoint.faults.http.push(http)
    if (socket) endpoint.faults.socket.push(socket)
    const before = { ...endpoint.calls }
    const changes = await deploy(api)
    expect(changes.at(-1)).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'VERIFYING', code } } })
    expect(endpoint.calls).toEqual({ http: before.http + 1, socket: before.socket + (socket ? 1 : 0) })
    expect(changes.at(-1)?.message).not.toMatch(/cst_|Bearer/)
    expect(JSON.stringify(changes)).not.toContain(new URL(endpoint.url).host)
  })
})

test('callWebSocket fails with a temporary failure when the endpoint never answers', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const { port } = server.address() as { port: number }
  const failure = await callWebSocket(`ws://127.0.0.1:${port}/`, 'token', referenceRecording(), AbortSignal.timeout(200)).catch((error) => error)
  expect(failure).toBeInstanceOf(CallFailure)
  expect(failure).toMatchObject({ kind: 'AWAY', code: 'ENDPOINT_UNREACHABLE', isLasting: false })
  server.close()
})
