import llama from 'llama-tokenizer-js'
import { describe, expect, test } from 'vitest'
import { openPhraseList, writeAsListed } from '../../src/decoding/phrase-list.ts'

test('a phrase list determines the spelling of words with inner capitals', () => {
  const listed = ['McCoy', 'the PBX.', 'Thank You', 'Okay, so', 'US', 'O\u2019Brien']
  const write = writeAsListed([...listed.map((text) => ({ text, weight: 1 })), { text: 'RIVER', weight: 0 }])
  expect(write("Okay, mccoy. Thank you for the pbx. O'brien told us of the river.")).toBe("Okay, McCoy. Thank you for the PBX. O'Brien told us of the river.")
})

describe('a phrase list', () => {
  const list = openPhraseList([
    { text: 'Four of Clubs', weight: 1 },
    { text: 'four', weight: 0.5 },
  ])
  /** The total score of a text. */
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

  test('a phrase list rewards only whole phrases, regardless of case and punctuation', () => {
    expect(worth('Eight of spades, four of clubs.')).toBeCloseTo(5.2, 5)
    expect(worth('eight of spades four, of Clubs')).toBeCloseTo(5.2, 5)
    expect(worth('four of clubsters')).toBeCloseTo(0.9, 5)
    expect(worth('fourteen of clubs')).toBeCloseTo(0, 5)
    expect(worth('before of clubs')).toBeCloseTo(0, 5)
    expect(worth('the four of four of clubs')).toBeCloseTo(6.1, 5)
  })

  test('a phrase list gives an unfinished phrase credit', () => {
    const state = llama
      .encode('four of cl')
      .slice(1)
      .reduce((before, token) => list.step(before, token).state, list.start)
    expect(state.credit).toBeGreaterThan(2)
  })
})
