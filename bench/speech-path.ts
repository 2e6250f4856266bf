// Processor time of the speech path, from the socket to the text, beside decoding the same recordings without it.
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { RecognizerModel } from '../src/decoding/recognizer-model.ts'
import { startEngine } from './recognition.ts'
import { readRecordings } from './recordings.ts'
import { deploy } from './soak-server.ts'
import { type Figure, median } from './table.ts'

const rounds = 5
const fileSeconds = 55
const liveSeconds = 30
const liveStreams = 4
const bytesPerSecond = 32_000
/** The size of the Speech SDK: 100 ms. */
const messageBytes = 3200

/** Milliseconds of processor time for each second of audio. */
interface PathCost {
  main: number
  detector: number
  recognizers: number
  text: string
}

/** All ways in turn, so that other load of the machine affects all of them. */
export async function speechPath(settings: Record<string, string>, { encoder, decoder }: RecognizerModel, scratch: string): Promise<Figure[]> {
  const server = fork(join(import.meta.dirname, 'fan-out-server.ts'), { execArgv: [], env: { PATH: process.env['PATH'], ...settings, RECOGNIZERS: '2' } })
  const [{ url, key }] = (await once(server, 'message')) as [{ url: string; key: string }]
  const engine = await startEngine('greedy', encoder, decoder, scratch)
  const webSocketUrl = await deploy(url, key, 'SEARCH_AND_DICTATION')
  const recordings = readRecordings()
  const speech = Buffer.concat(recordings.map(({ pcm }) => pcm))
  const wav = toWav(Buffer.concat([speech, speech]).subarray(0, fileSeconds * bytesPerSecond))
  const live = toWav(speech.subarray(0, liveSeconds * bytesPerSecond))
  const talk = (sent: Buffer, interims: boolean, isLive = false) => recognize(webSocketUrl, key, sent, { interims, isLive })
  const ways: Record<string, { seconds: number; run(): Promise<string> }> = {
    'OpenAI route, 55 s': { seconds: fileSeconds, run: () => transcribe(url, key, webSocketUrl, wav) },
    'WebSocket, 55 s at full speed, phrases only': { seconds: fileSeconds, run: () => talk(wav, false) },
    'WebSocket, 55 s at full speed, with hypotheses': { seconds: fileSeconds, run: () => talk(wav, true) },
    [`WebSocket, ${liveStreams} speakers for 30 s, phrases only`]: { seconds: liveStreams * liveSeconds, run: () => atOnce(() => talk(live, false, true)) },
    [`WebSocket, ${liveStreams} speakers for 30 s, with hypotheses`]: { seconds: liveStreams * liveSeconds, run: () => atOnce(() => talk(live, true, true)) },
  }
  try {
    for (const { run } of Object.values(ways).slice(0, 3)) await run()
    const direct: number[] = []
    const costs = new Map<string, PathCost[]>()
    for (let round = 0; round < rounds; round++) {
      direct.push(((await engine.decodeAll()).seconds * 1000 * bytesPerSecond) / speech.length)
      for (const [name, way] of Object.entries(ways)) costs.set(name, [...(costs.get(name) ?? []), await measure(server, way)])
    }
    if (process.env['SHOW_TEXTS']) for (const [name, [cost]] of costs) console.log(`${name}: ${cost?.text}`)
    return [...costs].map(([name, all]) => describe(name, all, direct))
  } finally {
    engine.close()
    server.kill()
  }
}

function describe(what: string, all: PathCost[], direct: number[]): Figure {
  const middle = (part: (cost: PathCost) => number) => median(all.map(part)).toFixed(1)
  const sum = ({ main, detector, recognizers }: PathCost) => main + detector + recognizers
  return {
    what: `${what}: CPU ms per second of audio`,
    value: `${middle(sum)} = main ${middle(({ main }) => main)}, detector ${middle(({ detector }) => detector)}, recognizers ${middle(({ recognizers }) => recognizers)}`,
    baseline: `decoding alone ${median(direct).toFixed(1)}`,
    ratio: median(all.map((cost, n) => sum(cost) / (direct[n] as number))).toFixed(2),
  }
}

async function measure({ pid = 0 }: ChildProcess, { seconds, run }: { seconds: number; run(): Promise<string> }): Promise<PathCost> {
  const spent = () => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
    const of = (program: string) =>
      children.filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(program)).reduce((sum, child) => sum + cpuOf(child), 0)
    return { main: cpuOf(pid), detector: of('detector.process'), recognizers: of('worker.process') }
  }
  const before = spent()
  const text = await run()
  const after = spent()
  const cost = (part: keyof typeof before) => (after[part] - before[part]) / seconds
  return { main: cost('main'), detector: cost('detector'), recognizers: cost('recognizers'), text }
}

/** User and system time in milliseconds. */
function cpuOf(pid: number): number {
  const [user = 0, system = 0] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return (user + system) * 10
}

const atOnce = async (speak: () => Promise<string>) => (await Promise.all(Array.from({ length: liveStreams }, (_, n) => delay(n * 23).then(speak))))[0] ?? ''

async function transcribe(url: string, key: string, webSocketUrl: string, wav: Buffer<ArrayBuffer>): Promise<string> {
  const form = new FormData()
  form.set('model', new URL(webSocketUrl).searchParams.get('cid') ?? '')
  form.set('file', new File([wav], 'speech.wav'))
  const response = await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${key}` } })
  const { text, error } = (await response.json()) as { text?: string; error?: { message: string } }
  if (text === undefined) throw new Error(error?.message)
  return text
}

/** Sends a WAV as the Speech SDK does; resolves with the text. */
async function recognize(webSocketUrl: string, key: string, wav: Buffer, { interims, isLive }: { interims: boolean; isLive: boolean }): Promise<string> {
  const socket = new WebSocket(webSocketUrl, { headers: { authorization: `Bearer ${key}` } })
  const phrases: string[] = []
  const ended = new Promise<string>((done, fail) => {
    socket.on('close', (_, reason) => fail(new Error(String(reason))))
    socket.on('message', (data) => {
      const [head = '', body = ''] = String(data).split('\r\n\r\n')
      if (head.includes('Path:speech.phrase')) phrases.push(JSON.parse(body).DisplayText ?? '')
      if (head.includes('Path:turn.end')) done(phrases.filter(Boolean).join(' '))
    })
  })
  await once(socket, 'open')
  const requestId = randomUUID().replaceAll('-', '')
  const context = interims ? {} : { phraseOutput: { interimResults: { resultType: 'None' } } }
  socket.send(`Path: speech.context\r\nX-RequestId: ${requestId}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(context)}`)
  const began = performance.now()
  for (let at = 0; at < wav.length; at += messageBytes) {
    if (isLive) await delay(Math.max(0, began + (at / bytesPerSecond) * 1000 - performance.now()))
    socket.send(toMessage(requestId, wav.subarray(at, at + messageBytes)))
  }
  socket.send(toMessage(requestId, Buffer.alloc(0)))
  const text = await ended
  socket.close()
  return text
}

function toMessage(requestId: string, audio: Buffer): Buffer {
  const head = Buffer.from(`Path: audio\r\nX-RequestId: ${requestId}\r\nX-Timestamp: ${new Date().toISOString()}\r\nContent-Type: audio/x-wav\r\n`)
  return Buffer.concat([Buffer.from([head.length >> 8, head.length & 255]), head, audio])
}

function toWav(pcm: Buffer): Buffer<ArrayBuffer> {
  const head = Buffer.alloc(44)
  head.write('RIFF....WAVEfmt ', 'latin1')
  head.writeUInt32LE(36 + pcm.length, 4)
  for (const [value, at] of [
    [1, 20],
    [1, 22],
    [16, 34],
    [2, 32],
  ] as const)
    head.writeUInt16LE(value, at)
  for (const [value, at] of [
    [16, 16],
    [16_000, 24],
    [32_000, 28],
    [pcm.length, 40],
  ] as const)
    head.writeUInt32LE(value, at)
  head.write('data', 36, 'latin1')
  return Buffer.concat([head, pcm])
}
