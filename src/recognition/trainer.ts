// The child process that trains one language model and ends: its memory goes back to the machine, and
// whatever a text does to it stays here.
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type CorpusFigures, CorpusReader } from '../domain/corpus.ts'
import { readBackground } from './background.ts'
import { encodeWordModel, type Rewrite } from './ngram-file.ts'
import { type WordStatistics, WordTrainer } from './word-training.ts'

export interface TrainingRequest {
  textFile: string
  locale: string
  pronunciations: Rewrite[]
  phrases: string[]
  /** Where the model is written. */
  modelFile: string
}

export type TrainingReply =
  | { kind: 'PROGRESS'; bytes: number; lines: number }
  | { kind: 'TRAINED'; statistics: WordStatistics & CorpusFigures }
  | { kind: 'FAILED'; message: string; code: string | undefined }

/** Progress is told after this many bytes. */
const stride = 256 * 1024

async function train({ textFile, locale, pronunciations, phrases, modelFile }: TrainingRequest): Promise<void> {
  const trainer = new WordTrainer({ locale, background: await readBackground(locale), pronunciations, phrases })
  let unsaid = 0
  const reader = new CorpusReader((line) => {
    if (!trainer.add(line)) unsaid++
  })
  let bytes = 0
  for await (const piece of createReadStream(textFile, { highWaterMark: stride })) {
    reader.write(piece as Buffer)
    bytes += (piece as Buffer).length
    tell({ kind: 'PROGRESS', bytes, lines: reader.figures.lines })
  }
  reader.end()
  const { model, statistics } = trainer.finish()
  await writeFile(modelFile, encodeWordModel(model))
  tell({ kind: 'TRAINED', statistics: { ...statistics, lines: reader.figures.lines, skippedLines: reader.figures.skippedLines + unsaid } })
}

const tell = (reply: TrainingReply) => void (process.connected && process.send?.(reply))

process.once('message', (request: TrainingRequest) =>
  train(request)
    .catch((error: NodeJS.ErrnoException) => tell({ kind: 'FAILED', message: error.message, code: error.code }))
    .finally(() => process.disconnect?.()),
)
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
