import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { toSpokenWords } from '../decoding/spoken-words.ts'
import { maxComparedWords } from '../decoding/word-errors.ts'
import { TrainingTextReader } from '../domain/training-text.ts'
import { TaskRefusal } from '../sandbox/task.ts'

/** A line of the table: the name of a recording and its transcript. */
export interface TableLine {
  name: string
  text: string
  line: number
}

/**
 * Reads a .tsv whose lines contain the name of a file, a tab and a transcript. Lines have the limits of training texts,
 * and transcripts have a maximum number of words. Throws {@link TaskRefusal}, which names the line.
 */
export async function readTable(file: { name: string; path: string }, locale: string, maxLines: number): Promise<TableLine[]> {
  const found = new Map<string, TableLine>()
  const refuse = (line: number, reason: string) => new TaskRefusal(`has a .tsv, ${file.name}, whose line ${line} ${reason}`)
  const reader = new TrainingTextReader((row, line) => {
    const [name = '', text = '', ...more] = row.split('\t')
    if (!name.trim() || !text.trim() || more.length) throw refuse(line, 'is not the name of a file, a tab and a transcript')
    const words = toSpokenWords(text, locale).length
    if (words > maxComparedWords)
      throw refuse(line, `has ${words.toLocaleString('en')} words, but a transcript can have at most ${maxComparedWords.toLocaleString('en')}`)
    const recording = basename(name.trim())
    if (found.has(recording)) throw refuse(line, `names ${recording} a second time`)
    if (found.size >= maxLines) throw refuse(line, `exceeds the limit of ${maxLines.toLocaleString('en')} recordings`)
    found.set(recording, { name: recording, text: text.trim(), line })
  })
  for await (const piece of createReadStream(file.path)) {
    reader.write(piece as Buffer)
    const [problem] = reader.problems
    if (problem) throw refuse(problem.line, problem.message)
  }
  reader.end()
  const [problem] = reader.problems
  if (problem) throw refuse(problem.line, problem.message)
  return [...found.values()]
}
