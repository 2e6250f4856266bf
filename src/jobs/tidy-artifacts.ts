import type { FileStore } from '../artifacts/file-ports.ts'
import type { Service } from '../domain/context.ts'
import { correctDeploymentCounts } from '../lifecycle/deployment-counts.ts'
import { hourMs, runRounds } from './rounds.ts'
import { tidyRecords } from './tidy-records.ts'

/** The first run, after the start is complete. */
const firstMs = 60_000

/** Removes expired records and files that no row needs every hour, until it is closed. */
export function keepArtifactsTidy(service: Service & { files: FileStore }) {
  const { store, files, log } = service
  const tidy = async (signal: AbortSignal) => {
    await tidyRecords(service)
    await correctDeploymentCounts(store.longDb, log)
    const removed = await files.removeUnneeded(signal)
    if (removed) log.info({ removed }, 'files that nothing needs were removed from the database')
  }
  return runRounds(tidy, {
    firstMs,
    intervalMs: hourMs,
    failed: (error) => log.warn({ reason: error }, 'records and files were not tidied; the next attempt is in an hour'),
  })
}
