import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { atBeginning, type History, Ngram } from '../../src/decoding/ngram.ts'
import { endId, idsOf, unknownId, wordId } from '../../src/decoding/ngram-counts.ts'
import { decodeWordModel, encodeWordModel } from '../../src/decoding/ngram-file.ts'
import { WordFusion } from '../../src/decoding/ngram-fusion.ts'
import { WordTrainer } from '../../src/decoding/ngram-training.ts'
import { toSpokenWords } from '../../src/decoding/spoken-words.ts'
import { readBackground } from '../../src/decoding/word-frequencies.ts'
import { createRewriter } from '../../src/decoding/written-words.ts'
import { describeProblems, TrainingTextReader } from '../../src/domain/training-text.ts'
import { trainWords } from '../../src/recognition/run-trainer.ts'
import { makeDirectory } from '../support/postgres.ts'

const plain = { locale: 'en-US', background: undefined, pronunciations: [], phrases: [] }

function train(lines: readonly string[], more: Partial<ConstructorParameters<typeof WordTrainer>[0]> = {}) {
  const trainer = new WordTrainer({ ...plain, ...more })
  for (const line of lines) trainer.add(line)
  return trainer.finish()
}

const words = fc.array(fc.constantFrom('four', 'of', 'clubs', 'ace', 'spades', 'constructor', '__proto__', 'it’s', 'über', '42'), { maxLength: 8 })
const texts = fc.array(
  words.map((line) => line.join(' ')),
  { minLength: 1, maxLength: 30 },
)

describe('probabilities', () => {
  test('the probabilities after every history sum to 1', () => {
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat(), (lines, a, b) => {
        const { model } = train(lines)
        if (!model.counts.words.length) return
        const ngram = new Ngram(model.counts)
        const ids = idsOf(model.counts.words)
        const followers = [unknownId, endId, ...model.counts.words.map((_, n) => wordId(n))]
        for (const history of [atBeginning, { first: a % ids, second: b % ids }, { first: b % ids, second: a % ids }] as History[]) {
          const sum = followers.reduce((total, id) => total + ngram.probability(history, id), 0)
          expect(sum).toBeCloseTo(1, 9)
        }
      }),
    )
  })

  test('the probabilities equal those of a calculation by hand', () => {
    const ngram = new Ngram(train(['a b', 'a b', 'a c']).model.counts)
    const [a, b, c] = ['a', 'b', 'c'].map((word) => ngram.idOf(word) as number) as [number, number, number]
    // Four pairs differ: <s>a, ab, ac, b</s>, c</s> make five; "b" came after one word.
    expect(ngram.single(b)).toBeCloseTo(1 / 5)
    const afterA = (2 - 0.75) / 3 + ((0.75 * 2) / 3) * (1 / 5)
    expect(ngram.probability({ first: unknownId, second: a }, b)).toBeCloseTo(afterA)
    expect(ngram.probability({ first: atBeginning.second, second: a }, b)).toBeCloseTo((2 - 0.75) / 3 + ((0.75 * 2) / 3) * afterA)
    expect(ngram.probability(atBeginning, c)).toBeLessThan(ngram.probability({ first: atBeginning.second, second: a }, c))
  })
})

describe('training', () => {
  test('training is deterministic, and its file reads back unchanged', () => {
    fc.assert(
      fc.property(texts, (lines) => {
        const bytes = encodeWordModel(train(lines).model)
        expect(encodeWordModel(train(lines).model)).toEqual(bytes)
        const read = decodeWordModel(bytes as Buffer<ArrayBuffer>)
        expect(encodeWordModel(read)).toEqual(bytes)
      }),
    )
  })

  test('training reads any UTF-8 text or names the invalid lines', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.nat({ max: 299 }), { maxLength: 4 }), (text, cuts) => {
        const bytes = Buffer.from(text)
        const lines: string[] = []
        const reader = new TrainingTextReader((line) => lines.push(line))
        let from = 0
        for (const cut of [...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
          reader.write(bytes.subarray(from, cut))
          from = cut
        }
        reader.end()
        const problems = describeProblems(reader)
        if (problems.length) expect(problems.join()).toMatch(/line \d+ (contains|has|is|exceeds)|has no line/)
        else expect(train(lines).model.counts.words).toEqual(train(lines).model.counts.words)
      }),
    )
  })

  test('training refuses bytes that are not text, with at most ten line numbers', () => {
    const reader = new TrainingTextReader()
    reader.write(Buffer.concat([Buffer.from('fine\n'), Buffer.from([0xff, 0xfe, 10]), Buffer.from('a\0b\n'), Buffer.from(`${'x'.repeat(10_001)}\n`)]))
    for (let n = 0; n < 20; n++) reader.write(Buffer.from([0xc3, 10]))
    reader.end()
    expect(describeProblems(reader)).toEqual([
      expect.stringMatching(/^line 2 is not UTF-8/),
      expect.stringMatching(/^line 3 contains control characters/),
      expect.stringMatching(/^line 4 has more than 10000 bytes/),
      ...Array(7).fill(expect.stringMatching(/^line \d+ is not UTF-8/)),
      'and later lines were not checked',
    ])
  })

  test('training learns listed phrases, and the spoken form of each written one', () => {
    const { model } = train(['call the PBX now', 'the PBX is down'], { pronunciations: [{ spoken: 'pee bee ex', written: 'PBX' }], phrases: ['ace of spades'] })
    const ngram = new Ngram(model.counts)
    const behind = (first: string, second: string) => ({ first: ngram.idOf(first) as number, second: ngram.idOf(second) as number })
    expect(ngram.probability(behind('call', 'the'), ngram.idOf('pee') as number)).toBeGreaterThan(0.1)
    expect(ngram.probability(behind('ace', 'of'), ngram.idOf('spades') as number)).toBeGreaterThan(0.8)
  })

  test('training counts words and measures the perplexity of a held-out tenth', async () => {
    const suits = ['clubs', 'spades', 'hearts', 'diamonds']
    const lines = Array.from({ length: 200 }, (_, n) => `the ${['ace', 'four', 'queen'][n % 3]} of ${suits[n % 4]} for zorbitron`)
    const { statistics } = train(lines, { background: await readBackground('en-US') })
    expect(statistics).toMatchObject({ sentences: 200, words: 1200, vocabulary: 11, unknownWords: 1, unknownExamples: ['zorbitron'] })
    expect(statistics.perplexity?.custom).toBeLessThan((statistics.perplexity?.general ?? 0) / 50)
  })

  test('the training process reports progress and ends when it is aborted', async () => {
    const dir = await makeDirectory()
    onTestFinished(() => rm(dir, { recursive: true, force: true }))
    const textFile = join(dir, 'text')
    await writeFile(textFile, 'the four of clubs beats the ace of spades\n'.repeat(50_000))
    const request = { textFile, locale: 'en-US', pronunciations: [], phrases: [], modelFile: join(dir, 'model') }
    const told: number[] = []
    const statistics = await trainWords(request, { tell: ({ lines }) => told.push(lines), signal: AbortSignal.timeout(30_000) })
    expect(statistics).toMatchObject({ lines: 50_000, skippedLines: 0, words: 450_000 })
    expect(told.length).toBeGreaterThan(5)
    expect(decodeWordModel((await readFile(request.modelFile)) as Buffer<ArrayBuffer>).counts.words).toContain('clubs')

    const stop = new AbortController()
    const stopped = trainWords(request, { tell: () => stop.abort(new Error('enough')), signal: stop.signal })
    await expect(stopped).rejects.toThrow('enough')
    await expect(trainWords({ ...request, textFile: join(dir, 'none') }, { tell() {}, signal: AbortSignal.timeout(30_000) })).rejects.toThrow('ENOENT')
  })
})

describe('the file of a language model', () => {
  test('reading refuses a truncated or foreign file with a message', () => {
    const bytes = encodeWordModel(train(['four of clubs', 'ace of spades']).model) as Buffer<ArrayBuffer>
    for (const length of [0, 10, 60, bytes.length - 1]) expect(() => decodeWordModel(bytes.subarray(0, length))).toThrow(/cannot be read/)
    expect(() => decodeWordModel(Buffer.concat([bytes, Buffer.from('x')]) as Buffer<ArrayBuffer>)).toThrow(/cannot be read/)
  })
})

describe('fusion', () => {
  const cards = ['clubs', 'spades', 'hearts', 'diamonds'].flatMap((suit) => ['ace', 'four', 'queen'].map((rank) => `the ${rank} of ${suit}`))
  const score = (fusion: WordFusion, pieces: string[]) => {
    let [total, state] = [0, fusion.initial]
    for (const piece of pieces) {
      const step = fusion.step(state, piece)
      total += step.bonus
      state = step.state
    }
    return total + fusion.end(state)
  }

  test('fusion prefers the words of the text and their order', async () => {
    const fusion = new WordFusion(train(cards, { background: await readBackground('en-US') }).model)
    const clubs = score(fusion, [' the', ' four', ' of', ' cl', 'ubs'])
    expect(clubs).toBeGreaterThan(score(fusion, [' the', ' four', ' of', ' cl', 'oves']) + 3)
    expect(clubs).toBeGreaterThan(score(fusion, [' of', ' the', ' clubs', ' four']))
  })

  test('fusion hardly lowers the scores of other speech', async () => {
    const fusion = new WordFusion(train(cards, { background: await readBackground('en-US') }).model)
    const sentence = [' we', ' walked', ' along', ' rivers', ' yesterday', '.']
    expect(score(fusion, sentence)).toBeGreaterThan(-0.4 * sentence.length)
  })

  test('fusion scores a sentence equally for any division into pieces', async () => {
    const fusion = new WordFusion(train(cards, { background: await readBackground('en-US') }).model)
    const sentence = ' The four of Clubs, 42 queens: it’s over'
    const whole = score(fusion, [sentence])
    fc.assert(
      fc.property(fc.array(fc.nat({ max: sentence.length }), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), sentence.length]
        const pieces = at.slice(1).map((end, n) => sentence.slice(at[n], end))
        expect(score(fusion, pieces)).toBeCloseTo(whole, 6)
      }),
    )
  })
})

test.each([
  ['42 men & 1,000 Boats', 'forty two men and one thousand boats'],
  ['Agent 007 — “It’s Mr. X”', "agent zero zero seven it's mister x"],
  ['café CAFE\u0301', 'café café'],
])('toSpokenWords turns %j into %j', (written, said) => {
  expect(
    toSpokenWords(written, 'en-US')
      .map(({ word }) => word)
      .join(' '),
  ).toBe(said)
})

test('recognized words get the spelling of the training text', () => {
  const { model } = train(['call the PBX now', 'the PBX is near McCoy', 'The end'], { pronunciations: [{ spoken: 'see plus plus', written: 'C++' }] })
  const rewrite = createRewriter(model)
  expect(rewrite('Call the pbx. See plus, plus is for Mccoy.')).toBe('Call the PBX. C++ is for McCoy.')
  expect(rewrite('The end of the constructor.')).toBe('The end of the constructor.')
})
