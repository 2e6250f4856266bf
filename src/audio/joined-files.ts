// Finds where the next file begins in joined recordings.

/** `word` follows the first byte of a file at a distance of `back`. Containers that match `not` have parts that look like such a file, or read joined files themselves. */
const beginnings: { word: string; back: number; begins: RegExp; not?: RegExp }[] = [
  { word: 'ftyp', back: 4, begins: /^\0\0\0[\x08-\xff]ftyp[ -~]{4}/ },
  { word: '\x1aE\xdf\xa3', back: 0, begins: /^\x1aE\xdf\xa3.{1,9}B[\x82\x86\xf2\xf3\xf7]/s },
  { word: 'OggS', back: 0, begins: /^OggS\0[\x02\x03\x06\x07]/, not: /^matroska/ },
  { word: 'fLaC', back: 0, begins: /^fLaC[\0\x80]\0\0"/, not: /^(ogg|matroska|mov)/ },
  { word: 'RIFF', back: 0, begins: /^RIFF.{4}WAVE/s },
  { word: 'riff.\x91\xcf\x11', back: 0, begins: /^riff\.\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0.{8}wave/s },
  { word: 'FORM', back: 0, begins: /^FORM.{4}AIF[FC]/s },
  { word: '#!AMR', back: 0, begins: /^#!AMR(-WB)?\n/ },
  { word: '.snd', back: 0, begins: /^\.snd\0\0.{4}/s },
  { word: 'caff\0\x01', back: 0, begins: /^caff\0\x01\0\0desc/ },
  { word: '0&\xb2u\x8ef\xcf\x11', back: 0, begins: /^0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel/ },
  { word: 'ID3', back: 0, begins: /^ID3[\x02-\x04]\0[\0\x10-\xf0][\0-\x7f]{4}/, not: /^(?!mp3|aac|flac|ac3|eac3)/ },
]
const patterns = beginnings.map((one) => ({ ...one, word: Buffer.from(one.word, 'latin1') }))
const page = Buffer.from('OggS\0')
const [flagsAt, isFirstPage] = [5, 0x02]

/** The number of bytes that decide whether a file begins. */
export const seamBytes = 32

/** Searches one file, in the order of its bytes, for the beginning of the next file. */
export class SeamFinder {
  readonly #patterns: typeof patterns
  readonly #isOgg: boolean
  /** True after the first pages of all streams of an Ogg file; only then can another file begin. */
  #isBehindBegin: boolean

  /** `container` is the name in FFmpeg. */
  constructor(container: string) {
    this.#patterns = patterns.filter(({ not }) => !not?.test(container))
    this.#isOgg = container === 'ogg'
    this.#isBehindBegin = !this.#isOgg
  }

  /** The index, from `from` on, at which the next file begins; -1 if none begins. */
  find(bytes: Buffer, from: number): number {
    let first = -1
    for (const { word, back, begins } of this.#patterns) {
      for (let at = bytes.indexOf(word, from + back); at >= 0 && (first < 0 || at - back < first); at = bytes.indexOf(word, at + 1)) {
        if (begins.test(bytes.toString('latin1', at - back, at - back + seamBytes)) && (this.#isBehindBegin || this.#goesOn(bytes, from, at))) first = at - back
      }
    }
    this.#isBehindBegin ||= this.#goesOn(bytes, from, bytes.length)
    return first
  }

  #goesOn(bytes: Buffer, from: number, to: number): boolean {
    for (let at = bytes.indexOf(page, from); this.#isOgg && at >= 0 && at + flagsAt < to; at = bytes.indexOf(page, at + 1)) {
      if (((bytes[at + flagsAt] ?? isFirstPage) & isFirstPage) === 0) return true
    }
    return false
  }
}
