import { sampleRate } from '../audio/pcm.ts'
import { commonBeginning } from '../decoding/common-beginning.ts'

export interface ShownHypothesis {
  text: string
  /** Samples from the onset of the phrase. */
  duration: number
}

/** Characters of text in a second of speech, to estimate the duration of a beginning of the text. */
const charactersPerSecond = 14
/** The size of the steps, about a second of speech, in which a text is shown that grows by more than two of them at once. */
const stepCharacters = 14

/** The shown text of a growing phrase: every decoding, or only the words on which two successive decodings agree. */
export class Hypothesis {
  readonly #isStable: boolean
  #previous: string[] = []
  #text = ''
  #duration = 0
  #new: ShownHypothesis[] = []

  constructor(isStable: boolean) {
    this.#isStable = isStable
  }

  get isEmpty(): boolean {
    return this.#text === ''
  }

  /** Removes and returns the new texts, in order. */
  takeNew(): ShownHypothesis[] {
    return this.#new.splice(0)
  }

  /** Adds the words of the latest decoding, which covers `duration` samples of the phrase. */
  take(lexical: string, duration: number): void {
    const words = lexical.split(' ').filter(Boolean)
    const text = (this.#isStable ? commonBeginning(this.#previous, words) : words).join(' ')
    this.#previous = words
    // Stable words stay until other words are agreed on, even if a decoding lacks them.
    const isNews = this.#isStable ? !`${this.#text} `.startsWith(`${text} `) : text !== this.#text
    if (text && isNews) this.#grow(text, duration)
  }

  /** Shows a beginning of the text of a whole segment if it has more words than the text before. */
  extend(beginning: string, maxDuration: number): void {
    if (count(beginning) <= count(this.#text)) return
    const spoken = Math.round((beginning.length / charactersPerSecond) * sampleRate)
    this.#show(beginning, Math.min(maxDuration, Math.max(this.#duration, spoken)))
  }

  /** Shows the final text of a phrase that has no hypothesis. */
  complete(lexical: string, duration: number): void {
    if (this.isEmpty && lexical) this.#grow(lexical, duration)
  }

  /** A decoding of audio that arrived faster than speech adds many words at once; they are shown in steps. */
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
