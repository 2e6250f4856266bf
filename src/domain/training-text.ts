import { isUtf8 } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'

/** What one line of a text may hold in bytes; longer ones are no utterances. */
const maxLine = 10_000
/** So many bad lines are told, then reading ends. */
const maxProblems = 10
/** What a text may have in lines; in a text of the largest size, utterances have some hundred bytes and not two. */
const maxLines = 10_000_000

/** Tabs are spaces, and columns of a table. */
const control = /(?!\t)[\p{Cc}\p{Cs}\p{Co}\p{Cn}]/u

/** A line that no text of utterances can have. */
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
 * Takes a text apart into lines, however it is cut into pieces, and judges each: UTF-8, no control
 * characters, not too long. Lines without a single letter or digit are skipped and counted.
 */
export class TrainingTextReader {
  readonly problems: LineProblem[] = []
  readonly figures: TrainingTextStatistics = { lines: 0, skippedLines: 0 }
  readonly #line: (text: string, line: number) => void
  #rest = Buffer.alloc(0)

  /** `line` is called with each line that is not skipped, and its number from 1. */
  constructor(line: (text: string, line: number) => void = () => {}) {
    this.#line = line
  }

  /** True when so much is wrong that more would say nothing new. */
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
    // Of a line without an end only so much is kept as shows that it is too long.
    if (this.#rest.length <= maxLine) this.#rest = Buffer.concat([this.#rest, piece.subarray(from, from + maxLine + 1)])
  }

  end() {
    if (this.#rest.length && !this.isHopeless) this.#read(this.#rest)
    this.#rest = Buffer.alloc(0)
  }

  #read(bytes: Buffer) {
    this.figures.lines++
    const problem = this.figures.lines > maxLines ? `is one too many; a text has at most ${maxLines.toLocaleString('en')} lines` : judge(bytes)
    if (typeof problem === 'string') return void this.problems.push({ line: this.figures.lines, message: problem })
    const { text } = problem
    if (/[\p{L}\p{N}]/u.test(text)) this.#line(text, this.figures.lines)
    else this.figures.skippedLines++
  }
}

function judge(bytes: Buffer): { text: string } | string {
  if (bytes.length > maxLine) return `has more than ${maxLine} bytes; give each utterance a line of its own`
  if (!isUtf8(bytes)) return 'is not UTF-8; save the text as UTF-8'
  const text = bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replace(/\r$/, '')
  return control.test(text) ? 'holds control characters; this may not be a text file' : { text }
}

/** Every bad line in words, or why the text as a whole is none; empty when all is well. */
export function describeProblems({ problems, isHopeless, figures }: TrainingTextReader): string[] {
  if (problems.length) return [...problems.map(({ line, message }) => `line ${line} ${message}`), ...(isHopeless ? ['and there may be more'] : [])]
  return figures.lines === figures.skippedLines ? ['has no line with a word in it'] : []
}

/** Text is judged in pieces of this many bytes, each of which takes some milliseconds. */
const pieceBytes = 16 * 1024

/** What is wrong with a text, as {@link describeProblems} says it, without holding up anything else meanwhile. */
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
