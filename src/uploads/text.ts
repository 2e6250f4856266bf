import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainingTextStatistics } from '../domain/training-text.ts'
import { readingLimits } from '../sandbox/reading-limits.ts'
import { runTask, TaskEndedError, TaskRefusal } from '../sandbox/task.ts'
import { damaged, tooLarge, UploadProblem } from './problem.ts'
import type { JudgedText, TextRequest } from './text.process.ts'

/** 200 MB of the shortest lines take some 30 s. */
const cpuSeconds = 60
/** Texts that are judged at the same time; others wait, in the order in which they came. */
const maxAtOnce = 2

let judging = 0
const waiting: (() => void)[] = []

/** Judges a text line by line in a process of its own, and unpacks it in its place if it is packed. Rejects with an {@link UploadProblem}. */
export async function judgeText(file: string, maxBytes: number): Promise<TrainingTextStatistics> {
  if (judging >= maxAtOnce) await new Promise<void>((begin) => waiting.push(begin))
  else judging++
  const unpacked = `${file}.unpacked`
  try {
    const program = join(import.meta.dirname, 'text.process.ts')
    const { figures, wasPacked } = await runTask<TextRequest, JudgedText>(program, { file, unpacked, maxBytes }, { limits: readingLimits(cpuSeconds) })
    if (wasPacked) await rename(unpacked, file)
    return figures
  } catch (error) {
    throw toProblem(error, maxBytes)
  } finally {
    await rm(unpacked, { force: true })
    const next = waiting.shift()
    if (next) next()
    else judging--
  }
}

function toProblem(error: unknown, maxBytes: number): unknown {
  if (error instanceof TaskRefusal) {
    const { isTooLarge, isDamaged, problems } = error.details
    if (isTooLarge) return tooLarge(maxBytes)
    if (isDamaged) return damaged()
    return unusable(error.message, problems as string[] | undefined)
  }
  if (error instanceof TaskEndedError && error.limit) return unusable(`${error.place ?? 'it'} takes more than ${error.limit} to read`)
  return error
}

const unusable = (reason: string, problems: string[] = []) => new UploadProblem(422, 'TEXT_UNUSABLE', `The text cannot be used: ${reason}.`, problems)
