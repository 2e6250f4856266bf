import { join } from 'node:path'
import { explainTask } from '../lifecycle/job-failure.ts'
import { readingLimits } from '../sandbox/reading-limits.ts'
import { runTask } from '../sandbox/task.ts'
import type { Extraction } from './archive.process.ts'

/** Two gigabytes take some 20 s. */
const cpuSeconds = 120

/**
 * Takes some files out of a .tar.gz, in a process of its own, each to a place of our own choosing: names in the
 * archive decide nothing, and only plain files are taken. Sizes are counted as they come. Resolves with the places
 * that were written; rejects with ARCHIVE_UNUSABLE.
 */
export async function extractFiles(extraction: Extraction, signal: AbortSignal): Promise<Set<string>> {
  const program = join(import.meta.dirname, 'archive.process.ts')
  const written = await runTask<Extraction, string[]>(program, extraction, { limits: readingLimits(cpuSeconds), signal }).catch((error) => {
    throw explainTask(error, 'ARCHIVE_UNUSABLE', 'The archive', 'Pack the files into a plain .tar.gz again.')
  })
  return new Set(written)
}
