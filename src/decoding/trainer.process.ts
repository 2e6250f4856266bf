// The child process that trains one language model and ends, which returns its memory to the machine. A hostile text
// can harm only this process.
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { TrainingTextReader, type TrainingTextStatistics } from '../domain/training-text.ts'
import { answerTask } from '../sandbox/answer.ts'
import { encodeWordModel, type Rewrite } from './ngram-file.ts'
import { type WordStatistics, WordTrainer } from './ngram-training.ts'
import { readBackground } from './word-frequencies.ts'

export interface TrainingRequest {
  textFile: string
  locale: string
  pronunciations: Rewrite[]
  phrases: string[]
  /** The path of the model that is written. */
  modelFile: string
}

export interface TrainingProgress {
  bytes: number
  lines: number
}

export type Trained = WordStatistics & TrainingTextStatistics

/** The number of bytes between two reports of progress. */
const stride = 256 * 1024

answerTask<TrainingRequest, Trained, TrainingProgress>(async ({ textFile, locale, pronunciations, phrases, modelFile }, report) => {
  const trainer = new WordTrainer({ locale, background: await readBackground(locale), pronunciations, phrases })
  let unsaid = 0
  const reader = new TrainingTextReader((line) => {
    if (!trainer.add(line)) unsaid++
  })
  let bytes = 0
  for await (const piece of createReadStream(textFile, { highWaterMark: stride })) {
    report.place(`line ${reader.figures.lines + 1}`)
    reader.write(piece as Buffer)
    bytes += (piece as Buffer).length
    report.progress({ bytes, lines: reader.figures.lines })
  }
  reader.end()
  const { model, statistics } = trainer.finish()
  await writeFile(modelFile, encodeWordModel(model))
  return { ...statistics, lines: reader.figures.lines, skippedLines: reader.figures.skippedLines + unsaid }
})
