// Processor time of the speech path, from the socket to the text, beside decoding the same phrases without it.
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { RecognizerModel } from '../src/decoding/recognizer-model.ts'
import { Detection } from '../src/recognition/phrase-detector.ts'
import { segmentationSettingsFor } from '../src/recognition/segmentation-settings.ts'
import { openVoiceActivity } from '../src/recognition/voice-activity.ts'
import { startEngine } from './recognition.ts'
import { readRecordings } from './recordings.ts'
import { deploy } from './soak/server.ts'
import { type Figure, median } from './table.ts'

const rounds = 5
const speakers = 4
const pauseSeconds = 0.7
const restSeconds = 15
const bytesPerSecond = 32_000
/** The size of the Speech SDK: 100 ms. */
const messageBytes = 3200

/** Milliseconds of processor time for each second of speech. */
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
  const webSocketUrl = (await deploy(url, key, 'SEARCH_AND_DICTATION')).replace('/interactive/', '/conversation/')
  const all = readRecordings()
  const seconds = all.reduce((sum, { pcm }) => sum + pcm.length / bytesPerSecond, 0)
  // The pauses, at which the stream is cut into the recordings, do not count as speech.
  const wav = toWav(Buffer.concat(all.flatMap(({ pcm }) => [pcm, Buffer.alloc(pauseSeconds * bytesPerSecond)])))
  const talk = (interims: boolean, isLive = false) => recognize(webSocketUrl, key, wav, { interims, isLive })
  const ofAll = seconds * speakers
  const ways: Record<string, { seconds: number; run(): Promise<string> }> = {
    'OpenAI route': { seconds, run: () => transcribe(url, key, webSocketUrl, wav) },
    'WebSocket at full speed, phrases only': { seconds, run: () => talk(false) },
    'WebSocket at full speed, with hypotheses': { seconds, run: () => talk(true) },
    [`WebSocket, ${speakers} speakers at once, phrases only`]: { seconds: ofAll, run: () => atOnce(() => talk(false, true)) },
    [`WebSocket, ${speakers} speakers at once, with hypotheses`]: { seconds: ofAll, run: () => atOnce(() => talk(true, true)) },
  }
  try {
    for (const { run } of Object.values(ways).slice(0, 3)) await run()
    const direct: number[] = []
    await engine.decodeAll(await cutPhrases(wav.subarray(44)))
    const costs = new Map<string, PathCost[]>()
    for (let round = 0; round < rounds; round++) {
      direct.push(((await engine.decodeAll()).seconds * 1000) / seconds)
      for (const [name, way] of Object.entries(ways)) costs.set(name, [...(costs.get(name) ?? []), await measure(server, way)])
    }
    if (process.env['SHOW_TEXTS']) for (const [name, [cost]] of costs) console.log(`${name}: ${cost?.text}`)
    const rest = await measure(server, { seconds: restSeconds, run: () => delay(restSeconds * 1000, '') })
    return [
      ...[...costs].map(([name, all]) => describe(name, all, direct)),
      { what: 'the server at rest: CPU ms per second', value: `main ${rest.main.toFixed(1)}, detector ${rest.detector.toFixed(1)}` },
    ]
  } finally {
    engine.close()
    server.kill()
  }
}

/** The samples that the recognizers get, so that the baseline decodes the same. */
async function cutPhrases(pcm: Buffer): Promise<Float32Array[]> {
  const phrases: Float32Array[] = []
  const request = { format: { sampleRate: 16_000, channels: 1 }, listening: segmentationSettingsFor('SEARCH_AND_DICTATION', 'conversation') }
  const detection = new Detection((await openVoiceActivity()).listen(), request, (found) => {
    if (found.kind === 'ENDED' && found.audio) phrases.push(Float32Array.from(found.audio, (sample) => sample / 32_768))
  })
  // More audio waits, so that no phrase is guessed at a pause.
  await detection.hear(pcm, () => true)
  await detection.finish()
  return phrases
}

function describe(what: string, all: PathCost[], direct: number[]): Figure {
  const middle = (part: (cost: PathCost) => number) => median(all.map(part)).toFixed(1)
  const sum = ({ main, detector, recognizers }: PathCost) => main + detector + recognizers
  return {
    what: `${what}: CPU ms per second of speech`,
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

const atOnce = async (speak: () => Promise<string>) => (await Promise.all(Array.from({ length: speakers }, (_, n) => delay(n * 23).then(speak))))[0] ?? ''

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
