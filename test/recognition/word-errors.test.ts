import fc from 'fast-check'
import { expect, test } from 'vitest'
import { alignWords, countWordErrors, matchWords, maxComparedWords } from '../../src/decoding/word-errors.ts'

test.each([
  ['the same', 'the same', 0],
  ['He was ill-disposed.', 'he was ill disposed', 0],
  ['Mr. Smith', 'mister smith', 0],
  ['a b c', 'a c', 1],
  ['a b c', 'a x c d', 2],
  ['', 'a', 1],
])('the texts %j and %j differ by %i word errors', (reference, transcript, errors) => {
  expect(countWordErrors(reference, transcript).errors).toBe(errors)
})

test('an alignment has the words of both texts and the lowest cost', () => {
  const texts = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 })
  const costs = { CORRECT: 0, SUBSTITUTION: 4, DELETION: 3, INSERTION: 3 }
  fc.assert(
    fc.property(texts, texts, (said, heard) => {
      const aligned = alignWords(said, heard)
      expect(aligned.flatMap((pair) => pair.said ?? [])).toEqual(said)
      expect(aligned.flatMap((pair) => pair.heard ?? [])).toEqual(heard)
      let above = Array.from({ length: heard.length + 1 }, (_, column) => 3 * column)
      for (const word of said) {
        const current = [(above[0] as number) + 3]
        for (const [column, other] of heard.entries())
          current.push(Math.min((above[column] as number) + (word === other ? 0 : 4), (above[column + 1] as number) + 3, (current[column] as number) + 3))
        above = current
      }
      expect(aligned.reduce((sum, { op }) => sum + costs[op], 0)).toBe(above.at(-1))
    }),
  )
})

test('a comparison refuses a reference or a transcript with too many words', () => {
  const [most, more] = [
    Array(maxComparedWords).fill('x').join(' '),
    Array(maxComparedWords + 1)
      .fill('x')
      .join(' '),
  ]
  expect(countWordErrors(most, `y ${most.slice(2)}`)).toMatchObject({ errors: 1, words: maxComparedWords })
  for (const compare of [countWordErrors, matchWords]) {
    expect(() => compare(more, 'x')).toThrow('1001 words')
    expect(() => compare('x', more)).toThrow('1001 words')
  }
})
