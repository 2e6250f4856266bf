import { afterAll, describe, expect, test } from 'vitest'
import { alignWords, countWordErrors, toComparedWords } from '../../src/decoding/word-errors.ts'
import { createRandom } from '../../src/evaluation/statistics.ts'
import { cardRecordings, librivoxRecordings, openTestService, referenceRecording, referenceText, type Service } from '../support/service.ts'
import { evaluationsOf } from './evaluations.ts'
import { alignBySclite, hasSclite, type WordPair } from './sclite.ts'

let api: Service | undefined
afterAll(() => api?.close())

describe.skipIf(!hasSclite())('the word errors are those of sclite', () => {
  test.each([
    ['few different words', 3, 12],
    ['some different words', 8, 30],
    ['many different words', 200, 60],
  ])('in random texts of %s', async (_, vocabulary, maxLength) => {
    const random = createRandom(vocabulary)
    const words = (most: number) => Array.from({ length: Math.floor(random() * (most + 1)) }, () => `w${Math.floor(random() * vocabulary)}`)
    const pairs = Array.from({ length: 1_000 }, (): WordPair => {
      const said = words(maxLength)
      if (random() < 0.3) return { said, heard: words(maxLength) }
      // A transcript as recognition makes it: some words are omitted, replaced or inserted.
      return { said, heard: said.flatMap((word) => (random() < 0.7 ? [word] : words(2))) }
    }).filter(({ said, heard }) => said.length + heard.length > 0)
    const expected = await alignBySclite(pairs)
    expect(expected).toHaveLength(pairs.length)
    for (const [n, { said, heard }] of pairs.entries()) expect(alignWords(said, heard), `${said.join(' ')} / ${heard.join(' ')}`).toEqual(expected[n])
  })

  test('in all committed recordings, recognized by the models of both scenarios', { timeout: 180_000 }, async () => {
    api = await openTestService()
    const evaluations = evaluationsOf(api)
    const recordings = [...cardRecordings(), ...librivoxRecordings(), { wav: referenceRecording(), text: referenceText }]
    const testSet = await evaluations.importTestSet(recordings)
    const found = []
    for (const scenario of ['SEARCH_AND_DICTATION', 'CONVERSATIONAL']) {
      const evaluated = await evaluations.evaluate({ testSetId: testSet['id'], ...(await evaluations.pair(scenario)) })
      expect(evaluated).toMatchObject({ status: 'COMPLETE', result: { utterances: recordings.length } })
      found.push(...evaluated['items'].nodes)
    }
    const pairs = found.map(({ item, text }) => ({ said: toComparedWords(item.transcript), heard: toComparedWords(text) }))
    const expected = await alignBySclite(pairs)
    for (const [n, { alignment, substitutions, deletions, insertions }] of found.entries()) {
      const theirs = expected[n] ?? []
      expect(alignment.map(({ op, reference, hypothesis }: Record<string, string>) => ({ op, said: reference, heard: hypothesis }))).toEqual(theirs)
      const count = (kind: string) => theirs.filter(({ op }) => op === kind).length
      expect({ substitutions, deletions, insertions }).toEqual({
        substitutions: count('SUBSTITUTION'),
        deletions: count('DELETION'),
        insertions: count('INSERTION'),
      })
    }
  })
})

test('an alignment can have more errors than the fewest edits, as in sclite', () => {
  // Four substitutions cost 16; two deletions and two insertions cost 12 and leave a match.
  expect(countWordErrors('a b c d', 'c d e f')).toMatchObject({ errors: 4, substitutions: 0, deletions: 2, insertions: 2 })
  expect(countWordErrors('a b', 'b a')).toMatchObject({ errors: 2, substitutions: 0, deletions: 1, insertions: 1 })
})
