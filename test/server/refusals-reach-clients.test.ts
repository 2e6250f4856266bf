// The refusal of a request reaches a client that is still sending its body.
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openHttpSocket } from '../support/http-socket.ts'
import { type Outcome, type RefusedRequest, refusedRequests, sendWithPython, triesOf } from '../support/refused-requests.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let endpoint: string
beforeAll(async () => {
  api = await openTestService({ MAX_UPLOAD_MB: '1' })
  endpoint = (await api.deployEndpoint()).httpUrl
})
afterAll(() => api.close())

const request = (name: string) => refusedRequests({ api, endpoint })[name]?.() as RefusedRequest

const names = Object.keys(refusedRequests({} as never))

async function repeat(send: () => Promise<Response>, tries: number, isConcurrent: boolean): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = []
  for (let n = 0; n < tries; n++) {
    const outcome = send().then(
      async (response): Promise<Outcome> => [response.status, await response.text()],
      (error): Outcome => [0, String(error.cause ?? error)],
    )
    outcomes.push(outcome)
    if (!isConcurrent) await outcome
  }
  return Promise.all(outcomes)
}

const expected = (refusal: RefusedRequest) => Array(triesOf(refusal)).fill([refusal.status, expect.stringMatching(refusal.message)])

test.each(names)('the refusal of %s reaches the HTTP clients of Python while they send', async (name) => {
  const refusal = request(name)
  const outcomes = await Promise.all((['urllib', 'http.client', 'chunked'] as const).map((client) => sendWithPython(client, refusal)))
  expect(outcomes).toEqual(Array(3).fill(expected(refusal)))
})

test.each(names)('the refusal of %s reaches fetch with a form, a buffer and a stream', async (name) => {
  const refusal = request(name)
  const { method = 'POST', url, headers = {}, body } = refusal
  const form = () => {
    const fields = new FormData()
    fields.set('file', new Blob([body]), 'speech.wav')
    return fields
  }
  const stream = () => new Blob([body]).stream()
  const isDelayed = refusal.status === 401
  const isForm = !headers['content-type'] && refusal.status !== 400 && refusal.status !== 413
  for (const make of [isForm ? form : () => body, () => body, stream])
    expect(await repeat(() => fetch(url, { method, headers, body: make(), duplex: 'half' } as RequestInit), triesOf(refusal), isDelayed)).toEqual(
      expected(refusal),
    )
})

test.each([
  ['a Content-Length', 'HTTP/1.1', ''],
  ['HTTP/1.0', 'HTTP/1.0', ''],
  ['Expect: 100-continue, without waiting for it', 'HTTP/1.1', 'Expect: 100-continue\r\n'],
  ['Connection: close', 'HTTP/1.1', 'Connection: close\r\n'],
  ['an upgrade to an unsupported protocol', 'HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'],
])('refusals reach a client that writes slowly and reads at the end: %s', async (_, version, header) => {
  const send = async (name: string) => {
    const refusal = request(name)
    const { method = 'POST', url, headers = {}, body } = refusal
    const { host, port, pathname, search } = new URL(url)
    const lines = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`)
    const socket = await openHttpSocket(Number(port))
    socket.pause()
    socket.write(`${method} ${pathname}${search} ${version}\r\nHost: ${host}\r\n${lines.join('')}${header}Content-Length: ${body.length}\r\n\r\n`)
    for (let at = 0; at < body.length; at += 1 << 18) {
      await new Promise((written) => socket.write(body.subarray(at, at + (1 << 18)), written))
      await delay(10)
    }
    const answer = await readUntil(socket, refusal.message)
    expect(answer, name).toMatch(new RegExp(`^(HTTP/1.1 100 Continue\r\n\r\n)?HTTP/1.1 ${refusal.status} `))
    expect(answer, name).toMatch(refusal.message)
  }
  await Promise.all(names.map(send))
})

/** Reads until the message has arrived, or the connection ends. */
async function readUntil(socket: Socket, message: RegExp): Promise<string> {
  let answer = ''
  try {
    for await (const chunk of socket) {
      answer += chunk
      if (message.test(answer)) break
    }
  } catch (error) {
    answer += error
  }
  socket.destroy()
  return answer
}
