import { isUtf8 } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'

/** The maximum length of a line in bytes. */
const maxLineBytes = 10_000
/** Reading ends after so many invalid lines. */
const maxProblems = 10
/** The maximum number of lines of a text. */
const maxLines = 10_000_000

/** Control characters. Tabs are allowed, as spaces and between the columns of a table. */
export const control = /(?!\t)[\p{Cc}\p{Cs}\p{Co}\p{Cn}]/u

/** An invalid line of a text. */
export interface LineProblem {
  line: number
  message: string
}

export interface TrainingTextStatistics {
  lines: number
  /** Lines without a word. */
  skippedLines: number
}

/**
 * Splits the pieces of a text into lines and checks each line: UTF-8, no control characters, not too long. Lines
 * without a letter or digit are skipped and counted.
 */
export class TrainingTextReader {
  readonly problems: LineProblem[] = []
  readonly figures: TrainingTextStatistics = { lines: 0, skippedLines: 0 }
  readonly #line: (text: string, line: number) => void
  #rest = Buffer.alloc(0)

  /** `line` is called with each valid line that is not skipped, and its number from 1. */
  constructor(line: (text: string, line: number) => void = () => {}) {
    this.#line = line
  }

  /** True when the text has so many problems that reading stops. */
  get isHopeless(): boolean {
    return this.problems.length >= maxProblems || this.figures.lines > maxLines
  }

  write(piece: Buffer) {
    let from = 0
    for (let end = piece.indexOf(10); end >= 0 && !this.isHopeless; end = piece.indexOf(10, from)) {
      this.#read(this.#rest.length ? Buffer.concat([this.#rest, piece.subarray(from, end)]) : piece.subarray(from, end))
      this.#rest = Buffer.alloc(0)
      from = end + 1
    }
    // At most one byte more than a line can have is kept, which shows that the line is too long.
    if (this.#rest.length <= maxLineBytes) this.#rest = Buffer.concat([this.#rest, piece.subarray(from, from + maxLineBytes + 1)])
  }

  end() {
    if (this.#rest.length && !this.isHopeless) this.#read(this.#rest)
    this.#rest = Buffer.alloc(0)
  }

  #read(bytes: Buffer) {
    this.figures.lines++
    const problem = this.figures.lines > maxLines ? `exceeds the limit of ${maxLines.toLocaleString('en')} lines` : judge(bytes)
    if (typeof problem === 'string') return void this.problems.push({ line: this.figures.lines, message: problem })
    const { text } = problem
    if (/[\p{L}\p{N}]/u.test(text)) this.#line(text, this.figures.lines)
    else this.figures.skippedLines++
  }
}

function judge(bytes: Buffer): { text: string } | string {
  if (bytes.length > maxLineBytes) return `has more than ${maxLineBytes} bytes; write each utterance on a separate line`
  if (!isUtf8(bytes)) return 'is not UTF-8; save the text as UTF-8'
  const text = bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replace(/\r$/, '')
  return control.test(text) ? 'contains control characters; check that this is a text file' : { text }
}

/** A sentence for every invalid line, or for a text without words; empty when the text is valid. */
export function describeProblems({ problems, isHopeless, figures }: TrainingTextReader): string[] {
  if (problems.length) return [...problems.map(({ line, message }) => `line ${line} ${message}`), ...(isHopeless ? ['and later lines were not checked'] : [])]
  return figures.lines === figures.skippedLines ? ['has no line with a word'] : []
}

/** The size of the pieces in which a text is checked. Each takes some milliseconds. */
const pieceBytes = 16 * 1024

/** The problems of a text, as {@link describeProblems} returns them. Yields to the event loop between pieces. */
export async function findTextProblems(text: string): Promise<string[]> {
  const reader = new TrainingTextReader()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length && !reader.isHopeless; at += pieceBytes) {
    reader.write(bytes.subarray(at, at + pieceBytes))
    await setImmediate()
  }
  reader.end()
  return describeProblems(reader)
}
