import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RecognizerModel, Recognizers, StreamEvent } from '../src/recognition/recognizer.ts'
import { openRecognizers } from '../src/recognition/recognizers.ts'
import { listeningFor } from '../src/recognition/scenario.ts'
import { countWordErrors } from '../src/recognition/word-errors.ts'
import { baseModel, openClient, requestFor, silence, silentLog } from './recognizers.ts'
import { librivoxRecordings, referenceRecording, referenceText } from './service.ts'

let recognizers: Recognizers
let model: RecognizerModel
beforeAll(async () => {
  recognizers = openRecognizers({ workers: 2, memoryMb: 1600 }, silentLog)
  model = await baseModel()
  await recognizers.load(model)
})
afterAll(() => recognizers.close())

const samplesOf = (wav: Buffer) => wav.subarray(44)
const reference = samplesOf(referenceRecording())
const novel = librivoxRecordings().map(({ wav, text }) => ({ pcm: samplesOf(wav), text }))
const [sentence] = novel as [(typeof novel)[0]]

describe('speech at the speed of speech', () => {
  test('is heard while it is said: hypotheses grow into the phrase', async () => {
    const client = await openClient(recognizers, requestFor(model))
    await client.speak(Buffer.concat([silence(1), sentence.pcm, silence(1)]))
    client.stream.finish()
    await client.untilTold('ENDED')

    const [phrase] = client.phrases()
    expect(countWordErrors(sentence.text, phrase?.display ?? '').errors).toBeLessThanOrEqual(2)
    const shown = client.hypotheses()
    expect(shown.length).toBeGreaterThanOrEqual(3)
    expect(new Set(shown).size).toBe(shown.length)
    const lengths = shown.map((text) => text.split(' ').length)
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b))
    for (const text of shown) expect(text).toMatch(/^[a-z' ]+$/)
    // All but the last word of each, which may be half said.
    for (const text of shown.filter((one) => one.includes(' ')).slice(1)) expect(phrase?.lexical).toContain(text.split(' ').slice(0, 3).join(' '))
  })

  test('events come in order', async () => {
    const client = await openClient(recognizers, requestFor(model))
    await client.speak(Buffer.concat([reference, silence(1), reference, silence(1)]), 2)
    client.stream.finish()
    await client.untilTold('ENDED')
    const order = client.events().map(({ kind }) => kind)
    expect(order.filter((kind) => kind !== 'HYPOTHESIS')).toEqual(['SPEECH_START', 'PHRASE', 'SPEECH_END', 'SPEECH_START', 'PHRASE', 'SPEECH_END', 'ENDED'])
    expect(order.lastIndexOf('HYPOTHESIS')).toBeLessThan(order.lastIndexOf('PHRASE'))
  })
})

test('speech is told where it is, within 150 ms', async () => {
  const client = await openClient(recognizers, requestFor(model, { interims: false }))
  await client.send(Buffer.concat([silence(2), reference, silence(3), reference, silence(1)]))
  client.stream.finish()
  await client.untilTold('ENDED')
  const length = reference.length / 32_000
  // The recording itself begins with 210 ms of silence and ends with 20.
  const places = [2.21, 2.21 + length + 3]
  for (const [n, phrase] of client.phrases().entries()) {
    expect(Math.abs(phrase.offset / 16_000 - (places[n] as number))).toBeLessThan(0.15)
    expect(Math.abs((phrase.offset + phrase.duration) / 16_000 - ((places[n] as number) + length - 0.23))).toBeLessThan(0.15)
  }
  expect(client.phrases()).toHaveLength(2)
  expect(client.events().at(-1)).toEqual({ kind: 'ENDED', heard: (reference.length * 2) / 2 + 6 * 16_000 })
})

test('the first phrase ends a stream that wants no more', async () => {
  const client = await openClient(recognizers, requestFor(model, { mode: 'interactive' }))
  await client.send(Buffer.concat([reference, silence(1), reference, silence(1)]))
  await client.untilTold('ENDED')
  expect(client.phrases().map(({ lexical }) => countWordErrors(referenceText, lexical).errors)).toEqual([0])
})

test('silence ends a stream that wants one phrase, and is told once to one that wants more', async () => {
  const one = await openClient(recognizers, requestFor(model, { mode: 'interactive' }))
  await one.send(silence(7))
  await one.untilTold('ENDED')
  expect(one.events().map(({ kind }) => kind)).toEqual(['INITIAL_SILENCE', 'ENDED'])

  const more = await openClient(recognizers, requestFor(model))
  await more.send(Buffer.concat([silence(12), reference, silence(7)]))
  more.stream.finish()
  await more.untilTold('ENDED')
  expect(more.events().filter(({ kind }) => kind !== 'HYPOTHESIS')).toMatchObject<{ kind: StreamEvent['kind'] }[]>([
    { kind: 'INITIAL_SILENCE' },
    { kind: 'SPEECH_START' },
    { kind: 'PHRASE' },
    { kind: 'SPEECH_END' },
    { kind: 'ENDED' },
  ])
})

test('a conversation shows only words that two decodings agree on', async () => {
  const client = await openClient(recognizers, requestFor(model, { listening: listeningFor('CONVERSATIONAL', 'conversation') }))
  await client.speak(Buffer.concat([sentence.pcm, silence(1)]))
  client.stream.finish()
  await client.untilTold('ENDED')
  const [phrase] = client.phrases()
  const shown = client.hypotheses()
  expect(shown.length).toBeGreaterThanOrEqual(1)
  for (const text of shown) expect(`${phrase?.lexical} `.startsWith(`${text} `)).toBe(true)
})
