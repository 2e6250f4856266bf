// The process that opens the files of a custom language model outside of recognition; they can have hundreds of megabytes.
import { readFile, writeFile } from 'node:fs/promises'
import { openCustomWords } from '../decoding/custom-language-model.ts'
import { decodeWordModel, encodeWordModel } from '../decoding/ngram-file.ts'
import { ModelUnusableError } from '../decoding/recognizer-model.ts'
import { answerTask } from '../sandbox/answer.ts'
import { TaskRefusal } from '../sandbox/task.ts'

export interface WordFilesRequest {
  words: string
  /** Copies to write with another weight; if empty, the file is only checked. */
  weighted: { weight: number; file: string }[]
}

answerTask<WordFilesRequest, null>(async ({ words, weighted }) => {
  try {
    if (!weighted.length) await openCustomWords(words)
    for (const { weight, file } of weighted) await writeFile(file, encodeWordModel({ ...decodeWordModel(await readFile(words)), weight }))
  } catch (error) {
    throw error instanceof ModelUnusableError ? new TaskRefusal(error.message) : error
  }
  return null
})
