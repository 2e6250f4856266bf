import { setTimeout as delay } from 'node:timers/promises'
import type { Artifacts } from '../artifacts/store.ts'
import type { Service } from '../domain/context.ts'
import { findReferencedFiles } from '../domain/upload.ts'
import { correctDeploymentCounts } from '../lifecycle/deployment-counts.ts'
import { tidyRecords } from './tidy-records.ts'

const intervalMs = 60 * 60_000
/** The first run, after the start is complete. */
const firstMs = 60_000

/** Removes expired records and unused model files every hour, until it is closed. */
export function keepArtifactsTidy(service: Service & { artifacts: Artifacts }) {
  const closing = new AbortController()
  const tidy = async () => {
    await tidyRecords(service)
    await correctDeploymentCounts(service.store.longDb, service.log)
    const removed = await service.artifacts.tidy((sha256s) => findReferencedFiles(service, sha256s))
    if (removed) service.log.info({ removed }, 'unused model files were removed')
  }
  const tidying = (async () => {
    for (let ms = firstMs; !closing.signal.aborted; ms = intervalMs) {
      await delay(ms, undefined, { signal: closing.signal, ref: false }).catch(() => {})
      if (closing.signal.aborted) return
      await tidy().catch((error) => {
        if (!closing.signal.aborted) service.log.warn({ reason: error }, 'records and files were not tidied; the next attempt is in an hour')
      })
    }
  })()
  return {
    async close() {
      closing.abort()
      await tidying
    },
  }
}
