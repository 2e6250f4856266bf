import { join } from 'node:path'
import { explainTask } from '../lifecycle/job-failure.ts'
import { readingLimits } from '../sandbox/reading-limits.ts'
import { runTask } from '../sandbox/task.ts'
import type { Extraction } from './archive.process.ts'

/** The CPU limit of the process. Two gigabytes take about 20 s. */
const cpuSeconds = 120

/**
 * Extracts some files of a .tar.gz in a child process, each to a path that the caller chooses: names in the archive
 * cannot choose a path, and only plain files are extracted. Sizes are counted during unpacking. Resolves with the paths
 * that were written; rejects with ARCHIVE_UNUSABLE.
 */
export async function extractFiles(extraction: Extraction, signal: AbortSignal): Promise<Set<string>> {
  const program = join(import.meta.dirname, 'archive.process.ts')
  const written = await runTask<Extraction, string[]>(program, extraction, { limits: readingLimits(cpuSeconds), signal }).catch((error) => {
    throw explainTask(error, 'ARCHIVE_UNUSABLE', 'The archive', 'Pack the files into a plain .tar.gz again.')
  })
  return new Set(written)
}
