import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { maxComparedWords, toComparedWords } from '../decoding/word-errors.ts'
import { control, TrainingTextReader } from '../domain/training-text.ts'
import { TaskRefusal } from '../sandbox/task.ts'
import type { RecordingProblems } from './recordings-limits.ts'

/** A line of the table: the name of a recording and its transcript. */
export interface TableLine {
  name: string
  text: string
  line: number
}

/** True for tables. A .json is one if its name says so, as manifests of NeMo do. */
export const isTable = (name: string) => /\.(tsv|jsonl)$|manifest[^/]*\.json$/i.test(name)

type Row = Pick<TableLine, 'name' | 'text'>

const inNumbers = (count: number) => count.toLocaleString('en')

/**
 * Reads a .tsv whose lines contain the name of a file, a tab and a transcript, or a manifest (.jsonl) with an object in each line. Lines
 * have the limits of training texts, and transcripts have a maximum number of words. Each invalid line is a problem.
 */
export async function readTable(file: { name: string; path: string }, locale: string, maxLines: number, problems: RecordingProblems): Promise<TableLine[]> {
  const isTsv = file.name.toLowerCase().endsWith('.tsv')
  const kind = isTsv ? 'a .tsv' : 'a manifest'
  const readRow = isTsv ? readColumns : readJson
  const found = new Map<string, TableLine>()
  const refuse = (line: number, reason: string) => {
    const sentence = `Line ${line} of ${file.name} ${reason}.`
    problems.add(new TaskRefusal(`has ${kind}, ${file.name}, whose line ${line} ${reason}`, { problems: [sentence] }))
  }
  const reader = new TrainingTextReader((text, line) => {
    const row = readRow(text)
    if (typeof row === 'string') return refuse(line, row)
    const words = toComparedWords(row.text, locale).length
    if (words > maxComparedWords) return refuse(line, `has ${inNumbers(words)} words, but a transcript can have at most ${inNumbers(maxComparedWords)}`)
    const name = basename(row.name.trim())
    if (found.has(name)) return refuse(line, `names ${name} a second time`)
    if (found.size === maxLines) refuse(line, `exceeds the limit of ${inNumbers(maxLines)} recordings`)
    if (found.size <= maxLines) found.set(name, { name, text: row.text.trim(), line })
  })
  for await (const piece of createReadStream(file.path)) reader.write(piece as Buffer)
  reader.end()
  for (const { line, message } of reader.problems) refuse(line, message)
  return [...found.values()]
}

function readColumns(text: string): Row | string {
  const [name = '', transcript = '', ...more] = text.split('\t')
  if (!name.trim() || !transcript.trim() || more.length) return 'is not the name of a file, a tab and a transcript'
  // Escapes such as \u0000 stand for characters that the line itself must not contain, and Postgres stores no NUL.
  const [readName, readText] = [name, transcript].map((text) => text.replace(/\s+/gu, ' ')) as [string, string]
  if (control.test(readName + readText)) return 'has control characters in its file name or transcript'
  return { name: readName, text: readText }
}

/** Reads a line of a manifest. NeMo and other tools name the fields differently. */
function readJson(text: string): Row | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'is not JSON'
  }
  const fields = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const name = fields['audio_filepath'] ?? fields['file'] ?? fields['audio']
  const transcript = fields['text'] ?? fields['transcript']
  if (typeof name !== 'string' || !name.trim()) return 'has no file name in "audio_filepath", "file" or "audio"'
  if (typeof transcript !== 'string' || !transcript.trim()) return 'has no transcript in "text" or "transcript"'
  // Escapes such as \u0000 stand for characters that the line itself must not contain, and Postgres stores no NUL.
  const [readName, readText] = [name, transcript].map((text) => text.replace(/\s+/gu, ' ')) as [string, string]
  if (control.test(readName + readText)) return 'has control characters in its file name or transcript'
  return { name: readName, text: readText }
}
