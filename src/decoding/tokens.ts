import llama from 'llama-tokenizer-js'

export const beginToken = 1
export const endToken = 2
/** Pieces from here on are control tokens without a spelling. */
const spelledTokens = 32_000

const wordMark = '\u2581'

/** What one token spells: some bytes, the first of which may be a space. */
const bytesOf: Buffer[] = Array.from({ length: spelledTokens }, (_, token) => {
  const piece = llama.vocabById[token] ?? ''
  const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)?.[1]
  return byte ? Buffer.of(Number.parseInt(byte, 16)) : Buffer.from(piece.replaceAll(wordMark, ' '))
})

/** Joins word pieces. */
export const spell = (tokens: readonly number[]): string =>
  Buffer.concat(tokens.flatMap((token) => bytesOf[token] ?? []))
    .toString('utf8')
    .trim()

/** Whether the token begins a word, so that the words before it are complete. */
export const beginsWord = (token: number): boolean => bytesOf[token]?.[0] === 0x20

/** What one token adds to a text, in lower case; nothing for control tokens and single bytes of longer characters. */
export const lowerPieces: readonly string[] = Array.from({ length: spelledTokens }, (_, token) =>
  (llama.vocabById[token] ?? '').startsWith('<') ? '' : (bytesOf[token] as Buffer).toString('utf8').toLowerCase(),
)

/** Continues a text by one token as far as its words go: lower case, one space for whatever is between words. */
export function continueWords(words: string, token: number): string {
  const piece = (lowerPieces[token] ?? '').replace(/[^\p{L}\p{N}\p{M}']+/gu, ' ')
  return words.endsWith(' ') || !words ? words + piece.trimStart() : words + piece
}
