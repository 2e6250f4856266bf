import { sampleRate } from '../audio/pcm.ts'
import { commonBeginning } from '../decoding/common-beginning.ts'

export interface Shown {
  text: string
  /** Samples from the phrase's onset. */
  duration: number
}

/** Characters of text in a second of speech, to place a beginning of the text that has no time of its own. */
const charactersPerSecond = 14
/** A text that grows by more than twice this at once is shown in steps of it: about a second of speech each. */
const stepCharacters = 14

/** What is shown of a growing phrase: every decoding, or only the words on which two in a row agree. */
export class Hypothesis {
  readonly #isStable: boolean
  #previous: string[] = []
  #text = ''
  #duration = 0
  #new: Shown[] = []

  constructor(isStable: boolean) {
    this.#isStable = isStable
  }

  get isEmpty(): boolean {
    return this.#text === ''
  }

  /** What is to be shown and was not taken yet, in order. */
  takeNew(): Shown[] {
    return this.#new.splice(0)
  }

  /** Takes the words of the latest decoding, of so many samples of the phrase; shows those that are new. */
  take(lexical: string, duration: number): void {
    const words = lexical.split(' ').filter(Boolean)
    const text = (this.#isStable ? commonBeginning(this.#previous, words) : words).join(' ')
    this.#previous = words
    // Agreed words that one decoding doubts again stay as they are until there are others.
    const isNews = this.#isStable ? !`${this.#text} `.startsWith(`${text} `) : text !== this.#text
    if (text && isNews) this.#grow(text, duration)
  }

  /** Takes a beginning of the text of a whole stretch of speech; shows it if it has more words than the text before. */
  extend(beginning: string, longest: number): void {
    if (count(beginning) <= count(this.#text)) return
    const spoken = Math.round((beginning.length / charactersPerSecond) * sampleRate)
    this.#show(beginning, Math.min(longest, Math.max(this.#duration, spoken)))
  }

  /** Takes the final text of a phrase that is not to end without a hypothesis. */
  complete(lexical: string, duration: number): void {
    if (this.isEmpty && lexical) this.#grow(lexical, duration)
  }

  /** Where audio came faster than it was decoded, one decoding brings many words: they are shown as if they had come one by one. */
  #grow(text: string, duration: number) {
    const words = text.split(' ')
    const isJump = text.length - this.#text.length > 2 * stepCharacters
    let length = Math.max(this.#text.length, stepCharacters / 2)
    for (let n = count(this.#text) + 1; isJump && n < words.length; n++) {
      const step = words.slice(0, n).join(' ')
      if (step.length < length || text.length - step.length < stepCharacters / 2) continue
      length = step.length + stepCharacters
      this.#show(step, Math.max(this.#duration, Math.round((duration * step.length) / text.length)))
    }
    this.#show(text, duration)
  }

  #show(text: string, duration: number) {
    this.#new.push({ text, duration })
    this.#text = text
    this.#duration = duration
  }
}

const count = (text: string) => text.split(' ').filter(Boolean).length
