import { resolve } from 'node:path'
import { createFileStore } from '../../src/artifacts/file-store.ts'
import { openArtifacts } from '../../src/artifacts/store.ts'
import { readConfig } from '../../src/config.ts'
import { readCatalog } from '../../src/domain/catalog.ts'
import type { Evaluating } from '../../src/jobs/run-evaluation.ts'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { openStore } from '../../src/postgres/store.ts'
import { openRecognizers } from '../../src/recognition/recognizers.ts'
import { makeDirectory } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'

/** The parts of a job process on the database of a service, for tests that call the work of a job. */
export async function openJobParts(databaseUrl: string): Promise<Evaluating & { close(): Promise<void> }> {
  const config = readConfig({ DATABASE_URL: databaseUrl, DATA_DIR: await makeDirectory(), RECOGNIZERS: '1' })
  const store = await openStore(config, allJobs, silentLog)
  const artifacts = await openArtifacts(config.artifacts, createFileStore(store))
  const recognizers = openRecognizers(config.recognition, silentLog)
  const catalog = await readCatalog(resolve(import.meta.dirname, '../../src/catalog/catalog.json'))
  const close = async () => {
    await recognizers.close()
    await store.queue.close()
    await store.close()
  }
  return { store, artifacts, recognizers, catalog, log: silentLog, limits: config.limits, close } as unknown as Evaluating & { close(): Promise<void> }
}
