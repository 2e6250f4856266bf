import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { redact } from '../src/log.ts'
import { openLanguageModel } from '../src/recognition/language-model.ts'
import { Segmenter } from '../src/recognition/segmenter.ts'
import { countWordErrors } from '../src/recognition/word-errors.ts'

const languageModels = resolve(import.meta.dirname, '../src/catalog/language')

describe('segments', () => {
  /** Feeds seconds of speech (true) or silence (false), 31.25 windows each; answers segments in seconds. */
  function segments(parts: [boolean, number][], listening = { segmentationSilenceMs: 600, longestPhraseMs: 15_000 }) {
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
  const open = (name: string) => openLanguageModel(join(languageModels, `${name}.json`))

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

test.each([
  'key cs_abcdefghijklmnop-q in a line',
  'GET /speech?cid=1&Ocp-Apim-Subscription-Key=abcdefgh12345 HTTP/1.1',
  'GET /speech?Authorization=Bearer%20abcdefgh12345',
  'postgres://user:abcdefgh12345@host/db',
  'token cst_abcdefgh.ijklmnop',
])('the log does not show the secret in %j', (line) => {
  expect(redact(line)).not.toMatch(/abcdefgh/)
})
