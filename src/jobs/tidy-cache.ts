import { findFilesToKeep, findFilesToStore, type Keeping } from '../artifacts/needed-files.ts'
import type { Artifacts } from '../artifacts/store.ts'
import type { Service } from '../domain/context.ts'
import { hourMs, runRounds } from './rounds.ts'

type Cache = Pick<Service, 'store' | 'log'> & { artifacts: Artifacts }

/**
 * Moves files that only this machine has to the file store, and removes files from the disk that were not used for a
 * day: at the start and every hour, until it is closed. Every process does this for its DATA_DIR.
 */
export function keepCacheTidy(service: Cache, keeping: Keeping) {
  /** Damaged files are read once. */
  const known = new Set<string>()
  const tidy = async (signal: AbortSignal) => {
    await moveOver(service, keeping, known, signal)
    const removed = await service.artifacts.tidy((sha256s) => findFilesToKeep(service.store, sha256s, keeping))
    if (removed) service.log.info({ removed }, 'files that were not used for a day were removed from DATA_DIR')
  }
  const failed = (error: unknown) => service.log.warn({ reason: error }, 'the files in DATA_DIR were not tidied; the next attempt is in an hour')
  return runRounds(tidy, { firstMs: 0, intervalMs: hourMs, failed })
}

/** Earlier versions kept files in DATA_DIR alone. An interrupted move continues at the next start. */
async function moveOver({ store, artifacts, log }: Cache, keeping: Keeping, known: Set<string>, signal: AbortSignal) {
  const find = async (sha256s: string[]) => {
    const found = await findFilesToStore(
      store,
      sha256s.filter((sha256) => !known.has(sha256)),
      keeping,
    )
    if (found.size) log.warn({ files: found.size }, 'files in DATA_DIR that the database lacks are moved there')
    return found
  }
  const { moved, damaged, failed } = await artifacts.moveOver(find, signal)
  for (const sha256 of damaged) known.add(sha256)
  if (damaged.length) log.warn({ damaged }, 'damaged files in DATA_DIR were not moved to the database')
  if (failed.length) {
    const details = { failed: failed.map(({ sha256 }) => sha256), reason: failed[0]?.error }
    log.warn(details, 'files in DATA_DIR were not moved to the database; the next attempt is in an hour')
  }
  if (moved.length && !failed.length) log.warn({ files: moved.length }, 'the move of files from DATA_DIR is complete; backups have them from now on')
}
