/** A word in its recognized form and in its written form. */
export interface SpokenWord {
  word: string
  written: string
}

const units = 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ')
const tens = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')

// English abbreviations and their spoken forms.
const abbreviations = new Map([
  ['mr', ['mister']],
  ['mrs', ['missus']],
  ['dr', ['doctor']],
  ['ok', ['okay']],
  ['&', ['and']],
  ['%', ['percent']],
])

const pattern = /[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*|\p{N}+(?:[,.]\p{N}{3}(?!\p{N}))*|[&%]/gu

/**
 * The words of a text in spoken form, equal for training and recognition: lower case, NFC, without punctuation,
 * English numbers as words. Numbers of other languages stay digits.
 */
export function toSpokenWords(text: string, locale: string): SpokenWord[] {
  const isEnglish = locale.startsWith('en')
  const words: SpokenWord[] = []
  for (const [written] of text.normalize('NFC').matchAll(pattern)) {
    const word = written.toLowerCase().replaceAll('\u2019', "'")
    const said = isEnglish ? (abbreviations.get(word) ?? sayNumber(word)) : word === '&' || word === '%' ? [] : [word]
    for (const one of said) words.push({ word: one, written: one === word ? written : one })
  }
  return words
}

function sayNumber(word: string): string[] {
  if (!/^[0-9]/.test(word)) return [word]
  const digits = word.replace(/[^0-9]/g, '')
  // Codes and long numbers are spoken digit by digit.
  if (digits.length > 6 || (digits.length > 1 && digits.startsWith('0'))) return [...digits].map((digit) => units[Number(digit)] ?? digit)
  return digits ? nameNumber(Number(digits)) : [word]
}

function nameNumber(number: number): string[] {
  if (number < 20) return [units[number] ?? '']
  if (number < 100) return [tens[Math.floor(number / 10) - 2] ?? '', ...rest(number % 10)]
  if (number < 1000) return [units[Math.floor(number / 100)] ?? '', 'hundred', ...rest(number % 100)]
  return [...nameNumber(Math.floor(number / 1000)), 'thousand', ...rest(number % 1000)]
}

const rest = (number: number) => (number ? nameNumber(number) : [])
