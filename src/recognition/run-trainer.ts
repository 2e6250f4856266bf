import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Trained, TrainingProgress, TrainingRequest } from '../decoding/trainer.process.ts'
import { runTask } from '../sandbox/task.ts'
import { trainingLimits } from './memory-limit.ts'

interface TrainingOptions {
  tell: (progress: TrainingProgress) => void
  signal: AbortSignal
}

/** Trains a language model in a child process, which ends at once when the signal aborts. */
export async function trainWords(request: TrainingRequest, { tell, signal }: TrainingOptions): Promise<Trained> {
  const limits = trainingLimits((await stat(request.textFile)).size)
  return runTask<TrainingRequest, Trained, TrainingProgress>(join(import.meta.dirname, '../decoding/trainer.process.ts'), request, { limits, tell, signal })
}
