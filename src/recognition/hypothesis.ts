/** What is shown of a growing phrase: every decoding, or only the words on which two in a row agree. */
export class Hypothesis {
  readonly #isStable: boolean
  #previous: string[] = []
  #shown = ''

  constructor(isStable: boolean) {
    this.#isStable = isStable
  }

  get isEmpty(): boolean {
    return this.#shown === ''
  }

  /** Takes the words of the latest decoding; answers the text to show, if it is another than before. */
  take(lexical: string): string | undefined {
    const words = lexical.split(' ').filter(Boolean)
    const text = (this.#isStable ? commonBeginning(this.#previous, words) : words).join(' ')
    this.#previous = words
    // Agreed words that one decoding doubts again stay as they are until there are others.
    const isNews = this.#isStable ? !`${this.#shown} `.startsWith(`${text} `) : text !== this.#shown
    if (!text || !isNews) return undefined
    this.#shown = text
    return text
  }

  /** Takes a beginning of the final text; answers it if it has more words than the text shown before. */
  extend(lexical: string): string | undefined {
    const count = (text: string) => text.split(' ').filter(Boolean).length
    if (count(lexical) <= count(this.#shown)) return undefined
    this.#shown = lexical
    return lexical
  }
}

export function commonBeginning(some: readonly string[], others: readonly string[]): string[] {
  const end = some.findIndex((word, place) => word !== others[place])
  return end < 0 ? [...some] : some.slice(0, end)
}
