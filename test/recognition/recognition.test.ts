import { join, resolve } from 'node:path'
import fc from 'fast-check'
import llama from 'llama-tokenizer-js'
import { describe, expect, test } from 'vitest'
import { Resampler, resample } from '../../src/audio/resampler.ts'
import { SampleBuffer } from '../../src/audio/sample-buffer.ts'
import { openAligner } from '../../src/decoding/aligner.ts'
import { openPhraseList, writeAsListed } from '../../src/decoding/phrase-list.ts'
import { countWordErrors, matchWords, maxComparedWords } from '../../src/decoding/word-errors.ts'
import { openWritingRules } from '../../src/decoding/writing-rules.ts'
import { redact } from '../../src/log.ts'
import { Hypothesis } from '../../src/recognition/hypothesis.ts'
import { HypothesisScheduler } from '../../src/recognition/hypothesis-scheduler.ts'
import type { Piece, Priority } from '../../src/recognition/piece.ts'
import type { StreamEvent } from '../../src/recognition/recognizer-stream.ts'
import type { Scheduler } from '../../src/recognition/scheduler.ts'
import { Segmenter } from '../../src/recognition/segmenter.ts'
import { Stream } from '../../src/recognition/stream.ts'
import { requestFor } from '../support/recognizers.ts'

const languageModels = resolve(import.meta.dirname, '../../src/catalog/language')

describe('segments', () => {
  /** Feeds seconds of speech (true) or silence (false), 31.25 windows each; answers segments in seconds. */
  function segments(parts: [boolean, number][], listening = { segmentationSilenceMs: 600, maxPhraseMs: 15_000 }) {
    const segmenter = new Segmenter(listening)
    const found = []
    for (const [speech, seconds] of parts) {
      for (let n = 0; n < seconds * 31.25; n++) {
        const segment = segmenter.push(speech ? 0.9 : 0.05)
        if (segment) found.push(segment)
      }
    }
    const last = segmenter.end()
    if (last) found.push(last)
    return found.map(({ start, end }) => ({ start: start / 16_000, end: end / 16_000 }))
  }

  test('begin before the first sound and end after the last', () => {
    const [only, ...more] = segments([
      [false, 2],
      [true, 1],
      [false, 2],
    ])
    expect(more).toEqual([])
    expect(only?.start).toBeCloseTo(1.65, 1)
    expect(only?.end).toBeCloseTo(3.18, 1)
  })

  test('bridge pauses that are shorter than the segmentation silence, and no longer ones', () => {
    expect(
      segments([
        [true, 1],
        [false, 0.5],
        [true, 1],
      ]),
    ).toHaveLength(1)
    expect(
      segments([
        [true, 1],
        [false, 0.8],
        [true, 1],
        [false, 1],
      ]),
    ).toHaveLength(2)
  })

  test('that are too long are cut without losing a sample', () => {
    const found = segments([[true, 40]])
    expect(found.length).toBeGreaterThanOrEqual(3)
    for (const { start, end } of found) expect(end - start).toBeLessThanOrEqual(15.1)
    for (const [n, { start }] of found.slice(1).entries()) expect(start).toBe(found[n]?.end)
  })

  test('are not made of clicks or silence', () => {
    expect(segments([[false, 3]])).toEqual([])
    expect(
      segments([
        [false, 1],
        [true, 0.05],
        [false, 2],
      ]),
    ).toEqual([])
  })
})

describe('written text', () => {
  const open = (name: string) => openWritingRules(join(languageModels, `${name}.json`))

  test.each([
    ['Dear John, comma, thank you for the letter period', 'Dear John, thank you for the letter.'],
    ['Is it raining question mark yes period', 'Is it raining? Yes.'],
    ['first line new line second line', 'First line\nSecond line'],
    ['The comma is a mark.', 'The, is a mark.'],
    ['He commands the periodical.', 'He commands the periodical.'],
  ])('dictation: %s', async (spoken, written) => {
    expect((await open('en-US-search-and-dictation')).write(spoken, 'dictation').display).toBe(written)
  })

  test('a query keeps its question mark and loses its full stop', async () => {
    const model = await open('en-US-search-and-dictation')
    expect(model.write('Weather in Paris.', 'interactive').display).toBe('Weather in Paris')
    expect(model.write('Will it rain?', 'interactive').display).toBe('Will it rain?')
  })

  test('lexical words have neither capitals nor marks', async () => {
    expect((await open('en-US-conversational')).write("Well, it's ‘Mr. Smith’ – 10 o'clock!", 'conversation').lexical).toBe("well it's mr smith 10 o'clock")
  })
})

test.each([
  ['the same', 'the same', 0],
  ['He was ill-disposed.', 'he was ill disposed', 0],
  ['Mr. Smith', 'mister smith', 0],
  ['a b c', 'a c', 1],
  ['a b c', 'a x c d', 2],
  ['', 'a', 1],
])('word errors between %j and %j: %i', (reference, transcript, errors) => {
  expect(countWordErrors(reference, transcript).errors).toBe(errors)
})

test('the words that were heard are those of an alignment with the fewest errors', () => {
  const texts = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 })
  fc.assert(
    fc.property(texts, texts, (said, heard) => {
      const matched = matchWords(said.join(' '), heard.join(' '))
      // The fewest edits of all alignments that match these words of the reference and no others.
      let above = heard.map((_, column) => column).concat(heard.length)
      for (const [row, { word, isHeard }] of matched.entries()) {
        const current = [isHeard ? Number.POSITIVE_INFINITY : (above[0] as number) + 1]
        for (const [column, other] of heard.entries()) {
          const diagonal = above[column] as number
          const kept = isHeard === (word === other) ? diagonal + (isHeard ? 0 : 1) : Number.POSITIVE_INFINITY
          const omitted = isHeard ? Number.POSITIVE_INFINITY : (above[column + 1] as number) + 1
          current.push(Math.min(kept, omitted, (current[column] as number) + 1))
        }
        above = current
        expect(matched[row]?.word).toBe(said[row])
      }
      expect(above.at(-1)).toBe(countWordErrors(said.join(' '), heard.join(' ')).errors)
    }),
  )
})

test('texts of more words than can be compared are refused, whichever of the two it is', () => {
  const [most, more] = [
    Array(maxComparedWords).fill('x').join(' '),
    Array(maxComparedWords + 1)
      .fill('x')
      .join(' '),
  ]
  expect(countWordErrors(most, `y ${most.slice(2)}`)).toEqual({ errors: 1, words: maxComparedWords })
  for (const compare of [countWordErrors, matchWords]) {
    expect(() => compare(more, 'x')).toThrow('1001 words')
    expect(() => compare('x', more)).toThrow('1001 words')
  }
})

test.each([
  'key cs_abcdefghijklmnop-q in a line',
  'GET /speech?cid=1&Ocp-Apim-Subscription-Key=abcdefgh12345 HTTP/1.1',
  'GET /speech?Authorization=Bearer%20abcdefgh12345',
  'postgres://user:abcdefgh12345@host/db',
  'token cst_abcdefgh.ijklmnop',
])('the log does not show the secret in %j', (line) => {
  expect(redact(line)).not.toMatch(/abcdefgh/)
})

describe('sound', () => {
  test.each([11_025, 44_100, 44_101, 191_999])('keeps a tone at %i Hz, with kernels of a bounded size', (rate) => {
    const before = process.memoryUsage().arrayBuffers
    const resampler = new Resampler(rate)
    const kernels = process.memoryUsage().arrayBuffers - before
    const input = Float32Array.from({ length: rate }, (_, n) => Math.sin((2 * Math.PI * 1000 * n) / rate))
    const output = resampler.push(input)
    let [signal, noise] = [0, 0]
    for (let n = 1000; n < 15_000; n++) {
      const wanted = Math.sin((2 * Math.PI * 1000 * n) / 16_000)
      signal += wanted ** 2
      noise += ((output[n] as number) - wanted) ** 2
    }
    expect(10 * Math.log10(signal / noise)).toBeGreaterThan(80)
    expect(kernels).toBeLessThan(3 * 2 ** 20)
  })

  test('comes out of the resampler the same, however it was cut', () => {
    const pieces = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.constantFrom(8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000), pieces, fc.integer(), (rate, lengths, seed) => {
        const total = lengths.reduce((sum, length) => sum + length, 0)
        const input = Float32Array.from({ length: total }, (_, n) => Math.sin(n * n * 0.001 + seed))
        const resampler = new Resampler(rate)
        const output: number[] = []
        let at = 0
        for (const length of lengths) {
          output.push(...resampler.push(input.subarray(at, at + length)))
          at += length
        }
        output.push(...resampler.end())
        expect(Float32Array.from(output)).toEqual(resample(input, rate))
        expect(output).toHaveLength(Math.floor((total * 16_000) / rate))
      }),
      { numRuns: 60 },
    )
  })

  test('is kept as long as it is needed, and no longer', () => {
    const sound = new SampleBuffer()
    const second = Float32Array.from({ length: 16_000 }, (_, n) => (n % 100) / 100)
    for (let n = 0; n < 100; n++) {
      sound.append(second)
      sound.forget(sound.end - 8_000)
    }
    expect(sound.end).toBe(1_600_000)
    const kept = sound.slice(sound.end - 8_000, sound.end)
    expect(kept).toHaveLength(8_000)
    expect(kept[150]).toBe(Math.round(0.5 * 32_768))
    expect(sound.slice(0, sound.end).length).toBeLessThan(64_000)
  })
})

describe('hypotheses', () => {
  /** What each of the texts adds to what is shown; each is of a second more. */
  const showing = (hypothesis: Hypothesis, texts: readonly string[]) =>
    texts.map((text, n) => {
      hypothesis.take(text, (n + 1) * 16_000)
      return hypothesis.takeNew().map((one) => one.text)
    })

  test('are told when they are new', () => {
    expect(showing(new Hypothesis(false), ['a', 'a', 'a b', '', 'a c'])).toEqual([['a'], [], ['a b'], [], ['a c']])
  })

  test('that are to be stable show what two in a row agree on, and take nothing back', () => {
    const heard = ['four', 'for a', 'for a long', 'for', 'for a long time', 'for a long time']
    expect(showing(new Hypothesis(true), heard)).toEqual([[], [], ['for a'], [], [], ['for a long time']])
  })

  test.each([
    ['all', false],
    ['stable', true],
  ])('that bring many words at once are shown growing, %s', (_, isStable) => {
    const hypothesis = new Hypothesis(isStable)
    const text = 'had he married a more amiable woman he might have been made still more respectable'
    for (let n = 0; n < (isStable ? 2 : 1); n++) hypothesis.take(text, 5 * 16_000)
    const shown = hypothesis.takeNew()
    expect(shown.length).toBeGreaterThanOrEqual(4)
    expect(shown.at(-1)).toEqual({ text, duration: 5 * 16_000 })
    for (const [n, one] of shown.entries()) {
      expect(`${text} `.startsWith(`${one.text} `)).toBe(true)
      expect(one.duration).toBeGreaterThan(shown[n - 1]?.duration ?? 0)
    }
  })

  test('that are the beginning of the final text show it only where it is longer than what was shown', () => {
    const hypothesis = new Hypothesis(true)
    for (const text of ['for a long', 'for a long']) hypothesis.take(text, 16_000)
    hypothesis.takeNew()
    for (const text of ['for', 'four a long', 'for a long time', 'for a long time']) hypothesis.extend(text, 20_000)
    hypothesis.complete('for a long time', 20_000)
    expect(hypothesis.takeNew()).toEqual([{ text: 'for a long time', duration: 17_143 }])
  })
})

test('a guess that fails while the speaker may go on costs nothing: the phrase is decoded when it ends', () => {
  const told: StreamEvent[] = []
  const failures: Error[] = []
  const asked: { priority: Priority; settle(result: Parameters<Parameters<Scheduler['submit']>[1]>[0]): void }[] = []
  const pool = {
    mayGuess: () => true,
    hypotheses: new HypothesisScheduler(1, () => 0),
    submit: ({ priority }: Piece, settle: () => void) => {
      asked.push({ priority, settle })
      return { cancel() {}, promote() {} }
    },
  }
  const stream = new Stream(1, {
    request: requestFor({ id: 'm', encoder: 'e', decoder: 'd', writing: 'w' }),
    listener: { event: (event) => void told.push(event), drained() {}, failed: (error) => void failures.push(error) },
    pool: pool as unknown as Scheduler,
    detector: { send() {} },
    timeout: { baseMs: 1000, perSecondMs: 1000 },
    over() {},
    measured() {},
  })
  const segment = { start: 0, onset: 1000, offset: 9000, end: 10_000 }
  stream.take({ stream: 1, kind: 'STARTED', phrase: 0, onset: 1000 })
  stream.take({ stream: 1, kind: 'PAUSED', phrase: 0, segment, audio: new Int16Array(10_000) })
  asked[0]?.settle(new Error('the recognizer ended'))
  stream.take({ stream: 1, kind: 'ENDED', phrase: 0, segment, audio: undefined })
  asked[1]?.settle({ value: [{ display: 'Hello.', lexical: 'hello', confidence: 1 }] as never, ms: 10 })
  expect(asked.map(({ priority }) => priority)).toEqual(['SPECULATIVE', 'FINAL'])
  expect(failures).toEqual([])
  expect(told.map(({ kind }) => kind)).toEqual(['SPEECH_START', 'PHRASE', 'SPEECH_END'])
})

describe('turns to decode a hypothesis', () => {
  function openTurns(workers: number) {
    const given: string[] = []
    const state = { idle: workers }
    const turns = new HypothesisScheduler(workers, () => state.idle)
    const ask = (name: string, isFirst: boolean) => turns.ask({ workspaceId: name }, isFirst, () => void given.push(name))
    return { turns, given, state, ask }
  }

  test('go first to phrases of which nothing is shown, and the others leave a worker free', () => {
    const { given, ask } = openTurns(2)
    const shown = ['a', 'b', 'c'].map((name) => ask(name, false))
    expect(given).toEqual(['a'])
    const fresh = ['d', 'e'].map((name) => ask(name, true))
    expect(given).toEqual(['a', 'd'])
    shown[0]?.end()
    expect(given).toEqual(['a', 'd', 'e'])
    fresh[0]?.end()
    expect(given).toEqual(['a', 'd', 'e'])
    fresh[1]?.end()
    expect(given).toEqual(['a', 'd', 'e', 'b'])
  })

  test('are not given while there is other work, and are given when it is done', () => {
    const { turns, given, state, ask } = openTurns(1)
    state.idle = 0
    ask('a', true)
    const gone = ask('b', true)
    gone.end()
    expect(given).toEqual([])
    state.idle = 1
    turns.give()
    expect(given).toEqual(['a'])
  })

  test('are not more than workers are idle, those included that are not at work yet', () => {
    const { turns, given, state, ask } = openTurns(3)
    state.idle = 1
    const first = ask('a', true)
    ask('b', true)
    expect([given, turns.atWork]).toEqual([['a'], 0])
    first.begin()
    expect(turns.atWork).toBe(1)
    state.idle = 0
    turns.give()
    expect(given).toEqual(['a'])
    first.end()
    state.idle = 1
    turns.give()
    expect(given).toEqual(['a', 'b'])
  })

  test('that were given count once, however often they are ended', () => {
    const { given, ask } = openTurns(1)
    const first = ask('a', true)
    ask('b', true)
    const last = ask('c', true)
    first.end()
    first.end()
    expect(given).toEqual(['a', 'b'])
    last.end()
    expect(given).toEqual(['a', 'b'])
  })
})

test('a phrase list writes words as it has them, where their capitals are not those of a sentence', () => {
  const listed = ['McCoy', 'the PBX.', 'Thank You', 'Okay, so', 'US', 'O\u2019Brien']
  const write = writeAsListed([...listed.map((text) => ({ text, weight: 1 })), { text: 'RIVER', weight: 0 }])
  expect(write("Okay, mccoy. Thank you for the pbx. O'brien told us of the river.")).toBe("Okay, McCoy. Thank you for the PBX. O'Brien told us of the river.")
})

test('an aligner says when it has learned more words than it should keep', async () => {
  const aligner = await openAligner()
  aligner.align(['cat', 'zyzzyq'], new Float32Array(16_000))
  expect(aligner.isFull).toBe(false)
  const strange = Array.from({ length: 5_000 }, (_, n) => `zq${n.toString(36)}`)
  aligner.align(strange, new Float32Array(16_000))
  expect(aligner.isFull).toBe(true)
  aligner.close()
})

describe('a phrase list', () => {
  const list = openPhraseList([
    { text: 'Four of Clubs', weight: 1 },
    { text: 'four', weight: 0.5 },
  ])
  /** What a text earns, spelled token by token and ended. */
  const worth = (text: string) => {
    let state = list.start
    let sum = 0
    for (const token of [...llama.encode(text).slice(1), 2]) {
      const next = list.step(state, token)
      sum += next.score
      state = next.state
    }
    return sum
  }

  test('pays for whole phrases only, whatever their case and marks', () => {
    expect(worth('Eight of spades, four of clubs.')).toBeCloseTo(5.2, 5)
    expect(worth('eight of spades four, of Clubs')).toBeCloseTo(5.2, 5)
    expect(worth('four of clubsters')).toBeCloseTo(0.9, 5)
    expect(worth('fourteen of clubs')).toBeCloseTo(0, 5)
    expect(worth('before of clubs')).toBeCloseTo(0, 5)
    expect(worth('the four of four of clubs')).toBeCloseTo(6.1, 5)
  })

  test('lends while a phrase is being said', () => {
    const state = llama
      .encode('four of cl')
      .slice(1)
      .reduce((before, token) => list.step(before, token).state, list.start)
    expect(state.credit).toBeGreaterThan(2)
  })
})
