import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openWritingRules } from '../../src/decoding/writing-rules.ts'

const languageModels = resolve(import.meta.dirname, '../../src/catalog/language')

describe('written text', () => {
  const open = (name: string) => openWritingRules(join(languageModels, `${name}.json`))

  test.each([
    ['Dear John, comma, thank you for the letter period', 'Dear John, thank you for the letter.'],
    ['Is it raining question mark yes period', 'Is it raining? Yes.'],
    ['first line new line second line', 'First line\nSecond line'],
    ['The comma is a mark.', 'The, is a mark.'],
    ['He commands the periodical.', 'He commands the periodical.'],
  ])('dictation writes spoken punctuation: %s', async (spoken, written) => {
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
