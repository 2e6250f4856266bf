// Clients that send audio faster than speech receive growing hypotheses of each phrase.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { OutputFormat, PhraseListGrammar, type SpeechConfig } from 'microsoft-cognitiveservices-speech-sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { makeDirectory } from '../support/postgres.ts'
import { librivoxRecordings, openTestService, type Service } from '../support/service.ts'
import { configFor, fileOf, openRecognizer, samplesOf, sendAtOnce, silence } from '../support/speech-client.ts'
import { openSocket } from '../support/speech-socket.ts'

type Scenario = 'SEARCH_AND_DICTATION' | 'CONVERSATIONAL'
let api: Service
const urls = {} as Record<Scenario, string>
beforeAll(async () => {
  api = await openTestService({ RECOGNIZERS: '1' })
  for (const scenario of ['SEARCH_AND_DICTATION', 'CONVERSATIONAL'] as const)
    urls[scenario] = (await api.deployEndpoint(scenario)).webSocketUrl.replace(/(?<=recognition\/)\w+/, 'conversation')
})
afterAll(() => api.close())

const novel = librivoxRecordings()
const text = novel.map((one) => one.text).join(' ')
const [header] = novel.map(({ wav }) => wav.subarray(0, 44)) as [Buffer]
/** All sentences as one WAV file; its header has the length of the first. */
const wav = Buffer.concat([header, ...novel.flatMap((one) => [samplesOf(one.wav), silence(1.2)])])
wav.writeUInt32LE(wav.length - 8, 4)
wav.writeUInt32LE(wav.length - 44, 40)

interface Event {
  kind: 'recognizing' | 'recognized'
  text: string
  offset: number
  duration: number
}

/** Checks the hypotheses of every phrase and returns the number of phrases. */
function expectGrowth(events: readonly Event[]): number {
  let shown: Event[] = []
  let phrases = 0
  for (const event of events) {
    if (event.kind === 'recognizing') {
      shown.push(event)
      continue
    }
    if (!event.text) continue
    phrases++
    // One hypothesis for every two seconds, and at least one for more than a second.
    const due = Math.max(event.duration > 1 ? 1 : 0, Math.floor(event.duration / 2))
    expect(shown.length, event.text).toBeGreaterThanOrEqual(due)
    const words = shown.map((one) => one.text.split(' ').length)
    // A later hypothesis can correct an earlier one and can be shorter.
    if (shown.length > 1) expect(words.at(-1), event.text).toBeGreaterThan(words[0] as number)
    for (const [n, one] of shown.entries()) {
      expect(one.offset, one.text).toBeCloseTo(event.offset, 1)
      expect(one.duration, one.text).toBeGreaterThanOrEqual(shown[n - 1]?.duration ?? 0)
      expect(one.duration, one.text).toBeLessThanOrEqual(event.duration + 0.05)
      expect(one.text).toMatch(/^[\p{L}\p{N}' ]+$/u)
    }
    shown = []
  }
  expect(shown).toEqual([])
  return phrases
}

const eventsOf = (client: ReturnType<typeof openRecognizer>): Event[] =>
  client.told.flatMap((one) => (one.kind === 'recognizing' || (one.kind === 'recognized' && one.reason === 'RecognizedSpeech') ? [one] : []))

/** Sends a whole file at once, as native clients do, and returns every hypothesis and phrase. */
async function sendWhole(url: string, id: string): Promise<Event[]> {
  const { text: say, audio, until, received, socket } = await openSocket(url, api.key)
  say('speech.config', id, { context: { system: { name: 'raw' } } })
  say('speech.context', id, { phraseDetection: { mode: 'Conversation' } })
  audio(id, wav)
  audio(id, Buffer.alloc(0))
  await until(/^Path: ?turn\.end/im)
  socket.close()
  return received.flatMap((message): Event[] => {
    const [head = '', body = ''] = message.split('\r\n\r\n')
    const path = /^Path: ?speech\.(hypothesis|phrase)/im.exec(head)?.[1]
    if (!path) return []
    const { Text, DisplayText = '', Offset, Duration } = JSON.parse(body)
    const place = { offset: Offset / 1e7, duration: Duration / 1e7 }
    return [path === 'phrase' ? { kind: 'recognized', text: DisplayText, ...place } : { kind: 'recognizing', text: Text, ...place }]
  })
}

const scenarios = ['SEARCH_AND_DICTATION', 'CONVERSATIONAL'] as const

async function expectGrowthOverSdk(scenario: Scenario, change: (config: SpeechConfig) => SpeechConfig = (config) => config) {
  const client = openRecognizer(change(configFor(urls[scenario], api.key)), fileOf(wav))
  await client.all()
  expect(expectGrowth(eventsOf(client))).toBeGreaterThanOrEqual(5)
  expect(countWordErrors(text, client.text()).errors).toBeLessThanOrEqual(6)
}

// These tests wait for audio at the pace of speech, so they run together.
describe.concurrent('when the SDK sends a WAV file at its own pace, a phrase grows before its text', () => {
  test.each(scenarios)('at an endpoint for %s', (scenario) => expectGrowthOverSdk(scenario))
})

describe.each(scenarios)('at an endpoint for %s, a phrase grows before its text', (scenario) => {
  test('when the SDK sends a WAV file as fast as it can', () => expectGrowthOverSdk(scenario, sendAtOnce))

  test('when recognizeOnceAsync reads one sentence per file', async () => {
    for (const one of novel) {
      const client = openRecognizer(configFor(urls[scenario], api.key), fileOf(one.wav))
      await client.once()
      expect(expectGrowth(eventsOf(client))).toBe(1)
    }
  })

  test('when a client sends the whole file in one message', async () => {
    const events = await sendWhole(urls[scenario], 'a'.repeat(32))
    expect(expectGrowth(events)).toBeGreaterThanOrEqual(5)
    expect(countWordErrors(text, events.flatMap((one) => (one.kind === 'recognized' ? [one.text] : [])).join(' ')).errors).toBeLessThanOrEqual(6)
  })

  test('when two clients share the only recognizer', async () => {
    const both = await Promise.all(['b', 'c'].map((id) => sendWhole(urls[scenario], id.repeat(32))))
    for (const events of both) expect(expectGrowth(events)).toBeGreaterThanOrEqual(5)
  })

  test('when beams are searched, for a phrase list and for alternatives', async () => {
    const config = sendAtOnce(configFor(urls[scenario], api.key))
    config.outputFormat = OutputFormat.Detailed
    const client = openRecognizer(config, fileOf(wav))
    PhraseListGrammar.fromRecognizer(client.recognizer).addPhrase('Dashwood')
    await client.all()
    expect(expectGrowth(eventsOf(client))).toBeGreaterThanOrEqual(5)
  })
})

test("the SDK's quickstart prints RECOGNIZING lines before each RECOGNIZED", async () => {
  const file = join(await makeDirectory(), 'speech.wav')
  await writeFile(file, wav)
  const runs = Object.values(urls).map(async (url) => {
    const { stdout } = await promisify(execFile)(process.execPath, [resolve(import.meta.dirname, '../support/quickstart.ts'), url, api.key, file])
    const kinds = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(':')[0])
    expect(kinds.filter((kind) => kind === 'RECOGNIZED').length, stdout).toBeGreaterThanOrEqual(5)
    for (const [n, kind] of kinds.entries()) if (kind === 'RECOGNIZED') expect(kinds[n - 1], stdout).toBe('RECOGNIZING')
    expect(stdout).not.toContain('CANCELED')
  })
  await Promise.all(runs)
})
