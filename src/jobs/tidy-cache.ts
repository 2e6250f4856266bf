import { findFilesToKeep, findFilesToStore } from '../artifacts/needed-files.ts'
import type { Artifacts } from '../artifacts/store.ts'
import type { Service } from '../domain/context.ts'
import { runHourly } from './hourly.ts'

type Cache = Pick<Service, 'store' | 'log'> & { artifacts: Artifacts }

/**
 * Moves files that only this machine has to the file store, and removes files from the disk that were not used for a
 * day: at the start and every hour, until it is closed. Every process does this for its DATA_DIR.
 */
export function keepCacheTidy(service: Cache) {
  /** Damaged files are read once. */
  const damaged = new Set<string>()
  const tidy = async (signal: AbortSignal) => {
    await moveOver(service, damaged, signal)
    const removed = await service.artifacts.tidy((sha256s) => findFilesToKeep(service.store, sha256s))
    if (removed) service.log.info({ removed }, 'files that were not used for a day were removed from DATA_DIR')
  }
  const failed = (error: unknown) => service.log.warn({ error: String(error) }, 'the files in DATA_DIR were not tidied; the next attempt is in an hour')
  return runHourly(tidy, { firstMs: 0, failed })
}

/** Earlier versions kept files in DATA_DIR alone. An interrupted move continues at the next start. */
async function moveOver({ store, artifacts, log }: Cache, damaged: Set<string>, signal: AbortSignal) {
  const find = async (sha256s: string[]) => {
    const found = await findFilesToStore(
      store,
      sha256s.filter((sha256) => !damaged.has(sha256)),
    )
    if (found.size) log.warn({ files: found.size }, 'files in DATA_DIR that the database lacks are moved there')
    return found
  }
  const found = await artifacts.moveOver(find, signal)
  for (const sha256 of found) damaged.add(sha256)
  if (found.length) log.warn({ damaged: found }, 'damaged files in DATA_DIR were not moved to the database')
}
