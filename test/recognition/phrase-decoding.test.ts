// One phrase and the slots of its hypotheses, with workers that the test controls.
import { describe, expect, test } from 'vitest'
import { HypothesisScheduler } from '../../src/recognition/hypothesis-scheduler.ts'
import { PhraseDecoding } from '../../src/recognition/phrase-decoding.ts'
import type { Piece } from '../../src/recognition/piece.ts'
import { RecognizersBusyError } from '../../src/recognition/recognizer-errors.ts'
import type { StreamRequest } from '../../src/recognition/recognizer-stream.ts'
import type { Scheduler } from '../../src/recognition/scheduler.ts'
import { segmentationSettingsFor } from '../../src/recognition/segmentation-settings.ts'
import { requestFor } from '../support/recognizers.ts'

const second = 16_000
const segmentTo = (end: number) => ({ start: 0, onset: 0, offset: end, end })

function openPhrase(request: Partial<StreamRequest> = {}) {
  const pieces: { piece: Piece; answer(text: string, ms?: number): void; refuse(): void }[] = []
  const told = { grown: 0, shown: [] as string[], failures: [] as Error[], measured: [] as number[] }
  const hypotheses = new HypothesisScheduler(2, () => 2)
  const pool = {
    mayGuess: () => true,
    hypotheses,
    submit(piece: Piece, settled: (result: unknown) => void) {
      let isWanted = true
      pieces.push({
        piece,
        answer(text, ms = 10) {
          piece.spent?.(ms)
          if (isWanted) settled({ value: text ? [{ display: text, lexical: text, confidence: 1 }] : [], ms })
        },
        refuse: () => settled(new RecognizersBusyError('busy')),
      })
      return {
        cancel() {
          isWanted = false
        },
        promote() {},
      }
    },
  }
  const phrase: PhraseDecoding = new PhraseDecoding(1, 0, {
    request: requestFor({ id: 'm', encoder: 'e', decoder: 'd', writing: 'w' }, request),
    pool: pool as unknown as Scheduler,
    timeout: { baseMs: 1000, perSecondMs: 1000 },
    askForGrown: () => void told.grown++,
    changed() {
      const texts = phrase.takeHypotheses().map(({ text }) => text)
      told.shown.push(...texts)
    },
    failed: (error) => void told.failures.push(error),
    measured: (_, ms) => void told.measured.push(ms),
  })
  /** The number of slots that other phrases can get; they are returned. */
  const free = () => {
    let count = 0
    const asked = [0, 1, 2].map(() => hypotheses.ask({ workspaceId: 'other' }, true, () => void count++))
    for (const one of asked.reverse()) one.end()
    return count
  }
  const grow = (end: number) => phrase.grow({ stream: 1, kind: 'GROWN', phrase: 1, grown: { segment: segmentTo(end), audio: new Int16Array(end) } })
  return { phrase, pieces, told, free, grow }
}

describe('the slot of a hypothesis', () => {
  test('a slot is returned after the decoding, and the next is requested after an interval', () => {
    const { phrase, pieces, told, free, grow } = openPhrase()
    phrase.hear(0.2 * second, 0.2 * second)
    expect(told.grown).toBe(0)
    phrase.hear(0.5 * second, 0.5 * second)
    phrase.hear(0.6 * second, 0.6 * second)
    expect([told.grown, free()]).toEqual([1, 1])
    grow(0.6 * second)
    pieces[0]?.answer('we')
    expect([told.shown, free()]).toEqual([['we'], 2])
    phrase.hear(0.7 * second, 0.7 * second)
    expect(told.grown).toBe(1)
    phrase.hear(2 * second, 2 * second)
    expect(told.grown).toBe(2)
  })

  test('a slot is returned and requested again at once if the phrase has ended or no worker is free', () => {
    const { phrase, pieces, told, free, grow } = openPhrase()
    phrase.hear(second, second)
    phrase.grow({ stream: 1, kind: 'GROWN', phrase: 1, grown: undefined })
    expect(free()).toBe(2)
    phrase.hear(second, second)
    grow(second)
    pieces[0]?.refuse()
    expect(free()).toBe(2)
    phrase.hear(1.1 * second, 1.1 * second)
    expect(told.grown).toBe(3)
  })

  test.each([
    ['ends', (phrase: PhraseDecoding) => phrase.end({ stream: 1, kind: 'ENDED', phrase: 1, segment: segmentTo(second), audio: new Int16Array(second) })],
    ['is canceled', (phrase: PhraseDecoding) => phrase.close()],
  ])('a slot is returned when the phrase %s, during and before the decoding', (_, finish) => {
    for (const isDecoding of [false, true]) {
      const { phrase, free, grow } = openPhrase()
      phrase.hear(second, second)
      if (isDecoding) grow(second)
      expect(free()).toBe(1)
      finish(phrase)
      expect(free()).toBe(2)
    }
  })
})

test('a hypothesis that finishes after a newer guess is not shown', () => {
  const { phrase, pieces, told, grow } = openPhrase()
  phrase.hear(second, second)
  grow(second)
  phrase.pause({ stream: 1, kind: 'PAUSED', phrase: 1, segment: segmentTo(2 * second), audio: new Int16Array(2 * second) })
  pieces[1]?.answer('one two three')
  pieces[0]?.answer('one two')
  expect(told.shown).toEqual(['one two three'])
})

test('a hypothesis of much audio shows words during its decoding until a guess shows more', () => {
  const { phrase, pieces, told, grow } = openPhrase()
  phrase.hear(5 * second, 5 * second)
  grow(5 * second)
  for (const beginning of ['one', 'one two']) pieces[0]?.piece.begun?.(beginning)
  phrase.pause({ stream: 1, kind: 'PAUSED', phrase: 1, segment: segmentTo(6 * second), audio: new Int16Array(6 * second) })
  pieces[1]?.piece.begun?.('one two three')
  pieces[0]?.piece.begun?.('one too three four')
  pieces[0]?.answer('one too three four')
  phrase.end({ stream: 1, kind: 'ENDED', phrase: 1, segment: segmentTo(6 * second), audio: undefined })
  pieces[0]?.piece.begun?.('one too three four five')
  pieces[1]?.answer('one two three four')
  expect(told.shown).toEqual(['one', 'one two', 'one two three'])
})

test('a stable hypothesis shows no words during its decoding', () => {
  const { phrase, pieces, grow } = openPhrase({ listening: segmentationSettingsFor('CONVERSATIONAL', 'conversation') })
  phrase.hear(5 * second, 5 * second)
  grow(5 * second)
  expect(pieces[0]?.piece).toMatchObject({ priority: 'INTERIM', task: { reportBeginnings: false } })
  expect(pieces[0]?.piece.begun).toBeUndefined()
})

test('a guess shows words during its decoding unless hypotheses are stable, and no older text follows', () => {
  const { phrase, pieces, told, grow } = openPhrase()
  phrase.hear(second, second)
  grow(second)
  phrase.pause({ stream: 1, kind: 'PAUSED', phrase: 1, segment: segmentTo(2 * second), audio: new Int16Array(2 * second) })
  for (const beginning of ['one', 'one two']) pieces[1]?.piece.begun?.(beginning)
  pieces[0]?.answer('won')
  pieces[1]?.answer('one two three')
  expect(told.shown).toEqual(['one', 'one two', 'one two three'])
})

test('the cost of a phrase includes guesses at pauses within it', () => {
  const { phrase, pieces, told } = openPhrase()
  phrase.pause({ stream: 1, kind: 'PAUSED', phrase: 1, segment: segmentTo(second), audio: new Int16Array(second) })
  phrase.hear(2 * second, 2 * second)
  pieces[0]?.answer('one', 70)
  phrase.end({ stream: 1, kind: 'ENDED', phrase: 1, segment: segmentTo(3 * second), audio: new Int16Array(3 * second) })
  pieces.at(-1)?.answer('one two', 100)
  expect(told.measured).toEqual([170])
  expect(phrase.result?.[0]?.lexical).toBe('one two')
})

describe('a phrase that ends before any decoding', () => {
  const ended = (seconds: number) =>
    ({ stream: 1, kind: 'ENDED', phrase: 1, segment: segmentTo(seconds * second), audio: new Int16Array(seconds * second) }) as const

  test('a phrase without hypotheses shows the growing words of its final text', () => {
    const { phrase, pieces, told } = openPhrase()
    phrase.end(ended(3))
    for (const beginning of ['one', 'one two three', 'one two', 'one two three four']) pieces[0]?.piece.begun?.(beginning)
    pieces[0]?.answer('one two three four five')
    expect(told.shown).toEqual(['one', 'one two three', 'one two three four'])
  })

  test('words that a hypothesis has shown are not shown again', () => {
    const { phrase, pieces, told, grow } = openPhrase()
    phrase.hear(second, second)
    grow(second)
    pieces[0]?.answer('one two')
    phrase.end(ended(2))
    for (const beginning of ['one', 'won too', 'one two three']) pieces[1]?.piece.begun?.(beginning)
    expect(told.shown).toEqual(['one two', 'one two three'])
  })

  test('the words of a guess are shown when the phrase has ended', () => {
    const { phrase, pieces, told } = openPhrase({ listening: segmentationSettingsFor('CONVERSATIONAL', 'conversation') })
    phrase.pause({ stream: 1, kind: 'PAUSED', phrase: 1, segment: segmentTo(3 * second), audio: new Int16Array(3 * second) })
    for (const beginning of ['one', 'one two']) pieces[0]?.piece.begun?.(beginning)
    expect(told.shown).toEqual([])
    phrase.end({ ...ended(3), audio: undefined })
    pieces[0]?.piece.begun?.('one two three')
    pieces[0]?.answer('one two three four')
    expect(told.shown).toEqual(['one', 'one two', 'one two three'])
    expect(phrase.result?.[0]?.lexical).toBe('one two three four')
  })

  test.each([
    ['longer than a second', 1.1, true, ['yes']],
    ['of a second', 1, true, []],
    ['whose client wants no hypotheses', 3, false, []],
  ])('a phrase that is %s shows its whole text first only if a hypothesis is due: %f s, %o', (_, seconds, interims, shown) => {
    const { phrase, pieces, told } = openPhrase({ interims })
    phrase.end(ended(seconds))
    expect(pieces[0]?.piece.task).toMatchObject({ reportBeginnings: interims })
    pieces[0]?.answer('yes')
    expect(told.shown).toEqual(shown)
  })

  test('a phrase without words shows nothing', () => {
    const { phrase, pieces, told } = openPhrase()
    phrase.end(ended(3))
    pieces[0]?.answer('')
    expect(told.shown).toEqual([])
    expect(phrase.result).toEqual([])
  })
})
