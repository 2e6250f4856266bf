/** The limit on the values of one request. createLanguageModel with every phrase and pronunciation has 4,000 values. */
export const maxJsonValues = 10_000
export const maxJsonNesting = 64

const [quote, comma, openBracket, backslash, closeBracket, openBrace, closeBrace] = [0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d]

/**
 * Counts the values and the nesting of JSON piece by piece, before parsing. JSON.parse takes a hundred times longer for two
 * megabytes of brackets than for two megabytes of text.
 */
export class JsonScanner {
  #values = 0
  #depth = 0
  #isText = false
  #isEscaped = false

  /** Scans one more piece. Returns the message about the exceeded limit; undefined while the JSON exceeds none. */
  write(piece: Uint8Array): string | undefined {
    let [isText, isEscaped] = [this.#isText, this.#isEscaped]
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]
      if (isText) {
        if (isEscaped) isEscaped = false
        else if (byte === backslash) isEscaped = true
        else if (byte === quote) isText = false
        continue
      }
      if (byte === quote) isText = true
      else if (byte === comma) this.#values++
      else if (byte === closeBracket || byte === closeBrace) this.#depth--
      else if (byte === openBracket || byte === openBrace) {
        this.#values++
        if (++this.#depth > maxJsonNesting) return `The JSON is nested more than ${maxJsonNesting} levels deep, which is the limit. Send flatter values.`
      }
      if (this.#values > maxJsonValues) return `The JSON has more than ${maxJsonValues} values, which is the limit. Send shorter lists, or several requests.`
    }
    this.#isText = isText
    this.#isEscaped = isEscaped
    return undefined
  }
}
