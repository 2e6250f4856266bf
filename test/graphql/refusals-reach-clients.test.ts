import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closeInStages } from '../../src/http/linger.ts'
import { openTestService, type Service } from '../support/service.ts'

/** After many wrong keys each answer takes a second, so that these are tried less often. */
const triesOf = ({ status }: Refusal) => (status === 401 ? 3 : 8)

let api: Service
let endpoint: string
beforeAll(async () => {
  api = await openTestService({ MAX_UPLOAD_MB: '1' })
  endpoint = (await api.deployEndpoint()).httpUrl
})
afterAll(() => api.close())

interface Refusal {
  method?: string
  url: string
  headers?: Record<string, string>
  body: Buffer<ArrayBuffer>
  status: number
  words: RegExp
}

const zeros = Buffer.alloc(5_000_000)

/** A header that says nothing of the length, and three minutes of silence. */
function longRecording(): Buffer<ArrayBuffer> {
  const header = Buffer.from('52494646ffffffff57415645666d74201000000001000100803e0000007d0000020010006461746100000000', 'hex')
  return Buffer.concat([header, Buffer.alloc(180 * 32_000)])
}

const refusals: Record<string, () => Refusal> = {
  'a wrong key with 5 MB of zeros': () => ({
    url: endpoint,
    headers: { 'ocp-apim-subscription-key': 'cs_wrong' },
    body: zeros,
    status: 401,
    words: /KEY_INVALID/,
  }),
  'a recording that is too long': () => ({
    url: endpoint,
    headers: { 'ocp-apim-subscription-key': api.key },
    body: longRecording(),
    status: 413,
    words: /longer than 60 seconds/,
  }),
  'a path that the OpenAI route does not have': () => ({
    url: `${api.localUrl}/v1/audio/translations`,
    headers: { authorization: `Bearer ${api.key}` },
    body: zeros,
    status: 404,
    words: /does not translate/,
  }),
  'a transcription without a key': () => ({ url: `${api.localUrl}/v1/audio/transcriptions`, body: zeros, status: 401, words: /Send a key/ }),
  'a form that is none': () => ({
    url: `${api.localUrl}/v1/audio/transcriptions`,
    headers: { authorization: `Bearer ${api.key}` },
    body: zeros,
    status: 400,
    words: /multipart\/form-data/,
  }),
  'a token for a wrong key': () => ({
    url: `${api.localUrl}/sts/v1.0/issueToken`,
    headers: { authorization: 'Bearer cs_wrong' },
    body: zeros,
    status: 401,
    words: /KEY_INVALID/,
  }),
  'an upload that is too large': () => ({
    method: 'PUT',
    url: `${api.localUrl}/uploads?kind=text`,
    headers: { authorization: `Bearer ${api.key}` },
    body: zeros,
    status: 413,
    words: /UPLOAD_TOO_LARGE/,
  }),
  'an upload with a wrong method': () => ({ url: `${api.localUrl}/uploads`, body: zeros, status: 405, words: /Send the file with PUT/ }),
  'a wrong content type at /graphql': () => ({
    url: `${api.localUrl}/graphql`,
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'text/plain' },
    body: zeros.subarray(0, 3_000_000),
    status: 415,
    words: /UNSUPPORTED_MEDIA_TYPE/,
  }),
  'a request to /graphql that is too large': () => ({
    url: `${api.localUrl}/graphql`,
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
    body: zeros.subarray(0, 3_000_000),
    status: 413,
    words: /REQUEST_TOO_LARGE/,
  }),
  'GraphQL without a key': () => ({
    url: `${api.localUrl}/graphql`,
    headers: { 'content-type': 'application/json' },
    body: zeros.subarray(0, 3_000_000),
    status: 401,
    words: /UNAUTHENTICATED/,
  }),
  'a sign-in from elsewhere': () => ({ url: `${api.localUrl}/session`, body: zeros, status: 403, words: /Only the dashboard/ }),
  'a key that is far too long to sign in': () => ({
    url: `${api.localUrl}/session`,
    headers: { 'x-requested-with': 'test' },
    body: zeros,
    status: 401,
    words: /This key is unknown/,
  }),
  'a page that is posted to': () => ({ url: `${api.localUrl}/models`, body: zeros, status: 405, words: /Use GET/ }),
  'a path that does not exist': () => ({ url: `${api.localUrl}/nowhere`, body: zeros, status: 404, words: /The API is at/ }),
}

const names = Object.keys(refusals)

// Sends a request several times with the two clients of Python's own library, and prints each outcome.
const python = `
import http.client, json, sys, urllib.error, urllib.parse, urllib.request
ask = json.loads(sys.stdin.readline())
body = sys.stdin.buffer.read()
at = urllib.parse.urlsplit(ask["url"])
for n in range(ask["tries"]):
    try:
        if ask["client"] == "urllib":
            request = urllib.request.Request(ask["url"], data=body, method=ask["method"], headers=ask["headers"])
            try:
                urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                print(json.dumps([error.code, error.read().decode()]))
        else:
            connection = http.client.HTTPConnection(at.hostname, at.port)
            connection.request(ask["method"], at.path + ("?" + at.query if at.query else ""), body=iter([body[i:i + 65536] for i in range(0, len(body), 65536)]) if ask["client"] == "chunked" else body, headers=ask["headers"], encode_chunked=ask["client"] == "chunked")
            answer = connection.getresponse()
            print(json.dumps([answer.status, answer.read().decode()]))
    except Exception as error:
        print(json.dumps([0, repr(error)]))
`

type Outcome = [status: number, words: string]

async function askPython(client: 'urllib' | 'http.client' | 'chunked', refusal: Refusal): Promise<Outcome[]> {
  const { method = 'POST', url, headers = {}, body } = refusal
  const child = spawn('python3', ['-c', python.replace('json.loads(sys.stdin.readline())', 'json.loads(sys.stdin.buffer.readline())')])
  child.stdin.on('error', () => {})
  const sent = client === 'chunked' ? { ...headers, 'Transfer-Encoding': 'chunked' } : headers
  child.stdin.write(`${JSON.stringify({ client, method, url, headers: sent, tries: triesOf(refusal) })}\n`)
  child.stdin.end(body)
  const [out, problems] = await Promise.all([text(child.stdout), text(child.stderr)])
  expect(problems).toBe('')
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

async function repeat(ask: () => Promise<Response>, tries: number, sideBySide: boolean): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = []
  for (let n = 0; n < tries; n++) {
    const outcome = ask().then(
      async (response): Promise<Outcome> => [response.status, await response.text()],
      (error): Outcome => [0, String(error.cause ?? error)],
    )
    outcomes.push(outcome)
    if (!sideBySide) await outcome
  }
  return Promise.all(outcomes)
}

const expected = (refusal: Refusal) => Array(triesOf(refusal)).fill([refusal.status, expect.stringMatching(refusal.words)])

describe('the words of a refusal reach a client that is still sending', () => {
  test.each(names)('%s: Python', async (name) => {
    const refusal = refusals[name]?.() as Refusal
    const outcomes = await Promise.all((['urllib', 'http.client', 'chunked'] as const).map((client) => askPython(client, refusal)))
    expect(outcomes).toEqual(Array(3).fill(expected(refusal)))
  })

  test.each(names)('%s: fetch with a form, a buffer and a stream', async (name) => {
    const refusal = refusals[name]?.() as Refusal
    const { method = 'POST', url, headers = {}, body } = refusal
    const form = () => {
      const fields = new FormData()
      fields.set('file', new Blob([body]), 'speech.wav')
      return fields
    }
    const stream = () => new Blob([body]).stream()
    // After many wrong keys each answer takes a second.
    const isSlow = refusal.status === 401
    const isForm = !headers['content-type'] && refusal.status !== 400 && refusal.status !== 413
    for (const make of [isForm ? form : () => body, () => body, stream])
      expect(await repeat(() => fetch(url, { method, headers, body: make(), duplex: 'half' } as RequestInit), triesOf(refusal), isSlow)).toEqual(
        expected(refusal),
      )
  })

  test.each([
    ['a length', 'HTTP/1.1', ''],
    ['HTTP/1.0', 'HTTP/1.0', ''],
    ['Expect: 100-continue, without waiting for it', 'HTTP/1.1', 'Expect: 100-continue\r\n'],
    ['Connection: close', 'HTTP/1.1', 'Connection: close\r\n'],
    ['an upgrade that nobody takes', 'HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'],
  ])('%s: a socket that writes slowly and reads at the end', async (_, version, header) => {
    const send = async (name: string) => {
      const refusal = refusals[name]?.() as Refusal
      const { method = 'POST', url, headers = {}, body } = refusal
      const { host, port, pathname, search } = new URL(url)
      const lines = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`)
      const socket = await open(Number(port))
      socket.pause()
      socket.write(`${method} ${pathname}${search} ${version}\r\nHost: ${host}\r\n${lines.join('')}${header}Content-Length: ${body.length}\r\n\r\n`)
      for (let at = 0; at < body.length; at += 1 << 18) {
        await new Promise((written) => socket.write(body.subarray(at, at + (1 << 18)), written))
        await delay(10)
      }
      const answer = await readUntil(socket, refusal.words)
      expect(answer, name).toMatch(new RegExp(`^(HTTP/1.1 100 Continue\r\n\r\n)?HTTP/1.1 ${refusal.status} `))
      expect(answer, name).toMatch(refusal.words)
    }
    await Promise.all(names.map(send))
  })
})

test('the connection of a refused request serves the next one', async () => {
  const socket = await open(portOf(api))
  const answers = text(socket)
  const body = zeros.subarray(0, 300_000)
  socket.write(`POST /v1/audio/speech HTTP/1.1\r\nHost: here\r\nContent-Length: ${body.length}\r\n\r\n`)
  socket.write(body)
  socket.write('GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n')
  expect(await answers).toMatch(/^HTTP\/1\.1 404 .*does not synthesize.*HTTP\/1\.1 200 OK.*alive/s)
})

test('a request behind the last answer of a connection is not served', async () => {
  const socket = await open(portOf(api))
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

describe('what is discarded is bounded', () => {
  const begin = async (header = '') => {
    const socket = await open(portOf(api))
    socket.write(`POST /nowhere HTTP/1.1\r\nHost: here\r\n${header}Content-Length: 10000000000\r\n\r\n`)
    await once(socket, 'data')
    socket.resume()
    return socket
  }

  test.concurrent.each(['', 'Connection: close\r\n'])('in time: a client that never ends is cut off (%j)', { timeout: 30_000 }, async (header) => {
    const socket = await begin(header)
    const dripping = setInterval(() => socket.write('x'), 20)
    await new Promise((closed) => socket.once('close', closed))
    clearInterval(dripping)
  })

  test.each(['', 'Connection: close\r\n'])('in bytes: a client that floods is cut off (%j)', async (header) => {
    const socket = await begin(header)
    let sent = 0
    const closed = new Promise((done) => socket.once('close', done)).then(() => true)
    while (!socket.destroyed) {
      sent += 1 << 20
      if (!socket.write(Buffer.alloc(1 << 20))) await Promise.race([once(socket, 'drain').catch(() => {}), closed])
    }
    expect(sent).toBeLessThan(100 << 20)
  })

  test('in number: the connections that have been discarded for longest are closed', () => {
    const sockets = Array.from({ length: 258 }, () => new PassThrough())
    for (const socket of sockets) closeInStages(socket)
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, ...Array(256).fill(false)])
    for (const socket of sockets) socket.destroy()
  })
})

/** What comes until the words are there, or the connection ends. */
async function readUntil(socket: Socket, words: RegExp): Promise<string> {
  let answer = ''
  try {
    for await (const chunk of socket) {
      answer += chunk
      if (words.test(answer)) break
    }
  } catch (error) {
    answer += error
  }
  socket.destroy()
  return answer
}

const portOf = ({ localUrl }: Service) => Number(new URL(localUrl).port)

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}
