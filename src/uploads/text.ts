import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainingTextStatistics } from '../domain/training-text.ts'
import { ProblemError } from '../http/problem.ts'
import { readingLimits } from '../sandbox/reading-limits.ts'
import { runTask, TaskEndedError, TaskRefusal } from '../sandbox/task.ts'
import { damaged, tooLarge } from './refusals.ts'
import type { JudgedText, TextRequest } from './text.process.ts'

/** 200 MB of the shortest lines take some 30 s. */
const cpuSeconds = 60
/** Texts that are checked at once. Others wait, first in, first out. */
const maxAtOnce = 2

let judging = 0
const waiting: (() => void)[] = []

/** Checks a text line by line in a separate process, and replaces a compressed file by its content. Rejects with a {@link ProblemError}. */
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
  if (error instanceof TaskEndedError && error.limit) return unusable(`${error.place ?? 'it'} needs more than ${error.limit} to read`)
  return error
}

const unusable = (reason: string, problems: string[] = []) =>
  new ProblemError(422, 'TEXT_UNUSABLE', `The text cannot be used: ${reason}.`, problems.length ? { members: { problems } } : {})
