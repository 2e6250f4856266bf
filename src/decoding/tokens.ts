import llama from 'llama-tokenizer-js'

export const beginToken = 1
export const endToken = 2
/** Tokens from this number on are control tokens without a spelling. */
const spelledTokens = 32_000

const wordMark = '\u2581'

/** The bytes that each token spells; the first can be a space. */
const bytesOf: Buffer[] = Array.from({ length: spelledTokens }, (_, token) => {
  const piece = llama.vocabById[token] ?? ''
  const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)?.[1]
  return byte ? Buffer.of(Number.parseInt(byte, 16)) : Buffer.from(piece.replaceAll(wordMark, ' '))
})

/** The text of the tokens, trimmed. */
export const spell = (tokens: readonly number[]): string =>
  Buffer.concat(tokens.flatMap((token) => bytesOf[token] ?? []))
    .toString('utf8')
    .trim()

/** True if the token begins a word, so that the words before it are complete. */
export const beginsWord = (token: number): boolean => bytesOf[token]?.[0] === 0x20

/** The lower-case text of each token; empty for control tokens and single bytes of longer characters. */
export const lowerPieces: readonly string[] = Array.from({ length: spelledTokens }, (_, token) =>
  (llama.vocabById[token] ?? '').startsWith('<') ? '' : (bytesOf[token] as Buffer).toString('utf8').toLowerCase(),
)

/** Adds a token to lower-case words, which single spaces separate in place of punctuation. */
export function continueWords(words: string, token: number): string {
  const piece = (lowerPieces[token] ?? '').replace(/[^\p{L}\p{N}\p{M}']+/gu, ' ')
  return words.endsWith(' ') || !words ? words + piece.trimStart() : words + piece
}
