/** Values of one request: createLanguageModel with all its phrases and pronunciations has 4,000. */
export const maxJsonValues = 10_000
export const maxJsonNesting = 64

const [quote, comma, openBracket, backslash, closeBracket, openBrace, closeBrace] = [0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d]

/**
 * Counts the values of JSON and how deep they are nested, piece by piece, before it is parsed: JSON.parse takes a
 * hundred times longer for two megabytes of brackets than for two megabytes of text.
 */
export class JsonScanner {
  #values = 0
  #depth = 0
  #isText = false
  #isEscaped = false

  /** The limit that the JSON exceeds so far, in words; undefined while it exceeds none. */
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
        if (++this.#depth > maxJsonNesting) return `JSON may be nested ${maxJsonNesting} levels deep.`
      }
      if (this.#values > maxJsonValues) return `A request may have ${maxJsonValues} values in its JSON. Send shorter lists, or several requests.`
    }
    this.#isText = isText
    this.#isEscaped = isEscaped
    return undefined
  }
}
