import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countWordErrors, matchWords, maxComparedWords } from '../../src/decoding/word-errors.ts'

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

test('the matched words belong to an alignment with the fewest errors', () => {
  const texts = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 })
  fc.assert(
    fc.property(texts, texts, (said, heard) => {
      const matched = matchWords(said.join(' '), heard.join(' '))
      // The fewest edits of all alignments that match exactly these words of the reference.
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

test('a comparison refuses a reference or a transcript with too many words', () => {
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
