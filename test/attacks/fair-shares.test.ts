// One workspace takes all available capacity while another needs little.
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { figure } from '../faults/figure.ts'
import { startInstallation } from '../faults/roles.ts'
import { librivoxRecordings, type OnFinished, referenceRecording } from '../support/service.ts'
import { until } from '../support/until.ts'

type Installation = Awaited<ReturnType<typeof startInstallation>>
type Client = Awaited<ReturnType<Installation['newWorkspace']>>

let api: Installation
let secret: string
let other: Client
const closing: Parameters<OnFinished>[0][] = []
beforeAll(async () => {
  api = await startInstallation({ ROLES: 'api,jobs,speech', RECOGNIZERS: '1', LOG_LEVEL: 'silent' }, (close) => void closing.push(close))
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret } } }')
  secret = data?.createWorkspace.secret
  other = api.as(secret)
  closing.push(other.dispose)
})
afterAll(async () => {
  for (const close of closing.reverse()) await (close as () => unknown)()
})

const p95 = (times: number[]) => times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1] as number

test('a flood of ten deployments of one workspace causes no refusal in another workspace', { timeout: 300_000 }, async () => {
  const flooded = await Promise.all(Array.from({ length: 10 }, () => api.deployEndpoint()))
  const mine = await other.deployEndpoint()
  const wav = librivoxRecordings()[0]?.wav as Buffer<ArrayBuffer>
  const measure = async () => {
    const started = performance.now()
    const { status } = await other.post(mine.httpUrl, wav)
    return { status, ms: performance.now() - started }
  }
  const quiet = []
  for (let n = 0; n < 10; n++) quiet.push(await measure())

  let isOver = false
  const counts = new Map<number, number>()
  const refusals = new Set<string>()
  const flood = Array.from({ length: 200 }, async (_, n) => {
    while (!isOver) {
      const response = await api.post(flooded[n % flooded.length]?.httpUrl ?? '', wav)
      counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
      const text = await response.text()
      if (response.status === 200) continue
      refusals.add(`${response.headers.get('retry-after')} ${JSON.parse(text).error?.code ?? JSON.parse(text).code}`)
      await delay(100)
    }
  })
  await until(async () => (await api.readFigure('recognizer_streams_waiting')) > 0)
  const beside = []
  for (let n = 0; n < 15; n++) beside.push(await measure())
  isOver = true
  await Promise.all(flood)
  const times = (all: { ms: number }[]) => p95(all.map(({ ms }) => ms))
  figure('a flood of another workspace', {
    'p95 before in ms': times(quiet),
    'during in ms': times(beside),
    refused: beside.filter(({ status }) => status !== 200).length,
    'recordings of the flood answered': counts.get(200) ?? 0,
    'and refused': counts.get(429) ?? 0,
  })
  expect(beside.map(({ status }) => status)).toEqual(beside.map(() => 200))
  expect([...counts.keys()].sort()).toEqual([200, 429])
  expect([...refusals]).toEqual(['1 TOO_MANY_REQUESTS'])
  expect(counts.get(200)).toBeGreaterThan(15)
})

/** A request whose body the test sends slowly; resolves with the head and body of the answer. */
function drip(path: string, headers: Record<string, string>) {
  const { hostname, port } = new URL(api.localUrl)
  const socket = connect(Number(port), hostname)
  const lines = Object.entries({ host: 'x', 'transfer-encoding': 'chunked', ...headers }).map(([name, value]) => `${name}: ${value}`)
  socket.write(`${[path, ...lines].join('\r\n')}\r\n\r\n`)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  return {
    send: (bytes: Buffer) => socket.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])),
    end: () => socket.write('0\r\n\r\n'),
    answer: () => answer,
    close: () => socket.destroy(),
  }
}

test('slow uploads leave a slot to another workspace and end when more uploads wait', { timeout: 120_000 }, async () => {
  const upload = () => drip('PUT /uploads?kind=text HTTP/1.1', { authorization: `Bearer ${api.key}` })
  const dripping = Array.from({ length: 6 }, upload)
  for (const one of dripping) one.send(Buffer.from('a '))
  const feeding = setInterval(() => {
    for (const one of dripping) if (!one.answer()) one.send(Buffer.from('a '))
  }, 1_000)
  await delay(1_000)
  const started = performance.now()
  const answers = await Promise.all(
    Array.from({ length: 4 }, (_, n) =>
      fetch(`${api.localUrl}/uploads?kind=text`, { method: 'PUT', body: `the ace of ${n}\n`, headers: { authorization: `Bearer ${secret}` } }),
    ),
  )
  const ms = performance.now() - started
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201])
  // Another upload of the same workspace waits, so the slow uploads must keep the minimum pace.
  const waiting = upload()
  waiting.send(Buffer.from('the ace of spades\n'))
  waiting.end()
  await until(() => dripping.some((one) => one.answer()))
  await until(() => waiting.answer())
  clearInterval(feeding)
  const ended = dripping.filter((one) => one.answer())
  figure('six uploads that drip', { "another workspace's four uploads in ms": ms, 'given up': ended.length })
  for (const one of ended) {
    expect(one.answer()).toMatch(/^HTTP\/1.1 408/)
    expect(one.answer()).toMatch(/retry-after: 10/i)
    expect(one.answer()).toMatch(/UPLOAD_TOO_SLOW.*other uploads waited/)
  }
  expect(waiting.answer()).toMatch(/^HTTP\/1.1 201/)
  for (const one of [...dripping, waiting]) one.close()
})

test('recordings that arrive slower than speech end when others wait, and those at the speed of speech continue', { timeout: 180_000 }, async () => {
  const { httpUrl } = await api.deployEndpoint()
  const { pathname, search } = new URL(httpUrl.replace(/interactive|conversation/, 'dictation'))
  const wav = referenceRecording()
  const post = () => drip(`POST ${pathname}${search} HTTP/1.1`, { 'ocp-apim-subscription-key': api.key, 'content-type': 'audio/wav' })
  const live = post()
  live.send(wav.subarray(0, 44))
  // 16 kHz and 16 bits, for longer than the window of the pace.
  const sentence = Buffer.concat([wav.subarray(44), Buffer.alloc(16_000)])
  const speech = Buffer.concat(Array.from({ length: Math.ceil((25 * 32_000) / sentence.length) }, () => sentence))
  const began = performance.now()
  let at = 0
  const speaking = setInterval(() => {
    if (at < speech.length) {
      live.send(speech.subarray(at, at + 3_200))
      at += 3_200
    } else {
      clearInterval(speaking)
      live.end()
    }
  }, 100)
  const slow: ReturnType<typeof post>[] = []
  const dripping = setInterval(() => {
    for (const one of slow) if (!one.answer()) one.send(Buffer.alloc(1_000))
  }, 1_000)
  const gaveWay = () => slow.filter((one) => /^HTTP\/1.1 408/.test(one.answer()))
  // All slots are in use, and one request always waits.
  await until(async () => {
    if ((await api.readFigure('recognizer_streams_waiting')) === 0) {
      const one = post()
      one.send(wav.subarray(0, 4_000))
      slow.push(one)
    }
    await delay(100)
    return gaveWay().length > 2
  })
  clearInterval(dripping)
  for (const one of gaveWay()) expect(one.answer()).toMatch(/retry-after: 1[\s\S]*UPLOAD_TOO_SLOW/i)
  await until(() => live.answer())
  figure('recordings slower than speech', { sent: slow.length, 'gave way': gaveWay().length })
  expect(performance.now() - began).toBeGreaterThan(20_000)
  expect(live.answer()).toMatch(/^HTTP\/1.1 200[\s\S]*"Success"/)
  for (const one of [live, ...slow]) one.close()
})
