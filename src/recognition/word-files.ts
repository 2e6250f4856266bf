import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelUnusableError } from '../decoding/recognizer-model.ts'
import { runTask, TaskEndedError, TaskRefusal } from '../sandbox/task.ts'
import { trainingLimits } from './memory-limit.ts'
import type { WordFilesRequest } from './word-files.process.ts'

/** Writes copies of a custom language model's file with other weights, in a child process. */
export const weighWords = (words: string, weighted: WordFilesRequest['weighted'], signal: AbortSignal) => run({ words, weighted }, signal)

/** Checks in a child process that recognition can open a custom language model's file. Rejects with a {@link ModelUnusableError}. */
export const checkWords = (words: string, signal: AbortSignal) => run({ words, weighted: [] }, signal)

async function run(request: WordFilesRequest, signal: AbortSignal): Promise<void> {
  const limits = trainingLimits((await stat(request.words)).size)
  const program = join(import.meta.dirname, 'word-files.process.ts')
  await runTask<WordFilesRequest, null>(program, request, { limits, signal }).catch((error) => {
    if (error instanceof TaskRefusal) throw new ModelUnusableError(error.message)
    if (error instanceof TaskEndedError && error.limit)
      throw new ModelUnusableError(`The file of the language model needs more than ${error.limit} to read. Train the model with less text.`)
    throw error
  })
}
