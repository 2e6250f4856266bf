// Which files the rows of the database refer to.
import { type SQL, sql } from 'drizzle-orm'
import { deploymentRevisions, deployments } from '../postgres/deployment-tables.ts'
import { testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { storedFiles } from '../postgres/file-tables.ts'
import type { Store } from '../postgres/store.ts'
import { models, uploads } from '../postgres/tables.ts'
import { storeSource } from './source.ts'

const ofRecipes = ['{text,sha256}', '{recordings,sha256}', '{archive,file,sha256}'].map(
  (path) => sql`select recipe #>> ${path}::text[] from ${models} where recipe #>> ${path}::text[] is not null`,
)
const ofModels = sql`select file ->> 'sha256' from ${models} cross join jsonb_array_elements(files) as file where file -> 'sources' ? ${storeSource}`

const ofTestSets = sql`select file ->> 'sha256' from ${testSets} cross join lateral (values (source), (audio)) as part(file) where file is not null`

/** The files of a database that an earlier version, without test sets, has written. */
export const filesWithoutTestSets: SQL = sql.join([sql`select sha256 from ${uploads}`, ofModels, ...ofRecipes], sql` union all `)

/** The SHA-256 of each file that was uploaded or generated and that an upload, a model or a test set refers to. */
export const neededFiles: SQL = sql`${filesWithoutTestSets} union all ${ofTestSets}`

/** True for a model of a revision that is pending, or that served before the current one. */
const isKeptWarm = sql`exists (select from ${deploymentRevisions} as revision join ${deployments} as owner on owner.id = revision.deployment_id
    and revision.number in (owner.pending_revision, owner.previous_revision) where model.id in (revision.acoustic_model_id, revision.language_model_id))`

/** The files of the models that COMPLETE deployments use or go back to, catalog files included. */
const servedFiles = sql`select file ->> 'sha256' from ${models} as model cross join jsonb_array_elements(files) as file
  where exists (select from ${deployments} where status = 'COMPLETE' and acoustic_model_id = model.id)
    or exists (select from ${deployments} where status = 'COMPLETE' and language_model_id = model.id) or ${isKeptWarm}`

const select = async ({ longDb }: Pick<Store, 'longDb'>, sha256s: readonly string[], where: SQL): Promise<ReadonlySet<string>> => {
  if (!sha256s.length) return new Set()
  const found = await longDb.execute<{ sha256: string }>(sql`select sha256 from unnest(${sql.param([...sha256s])}::text[]) as wanted(sha256) where ${where}`)
  return new Set(found.map(({ sha256 }) => sha256))
}

interface Place {
  /** True when this process can read files from the object store. */
  hasObjectStore: boolean
}

const isOnlyHere = ({ hasObjectStore }: Place) =>
  sql`sha256 not in (select sha256 from ${storedFiles} where chunks is not null or ${hasObjectStore}) and sha256 in (${neededFiles})`

/**
 * Of some files in a cache, those that the file store lacks although rows refer to them: another version of the service
 * left them, or the object store is no longer configured.
 */
export const findFilesToStore = (store: Pick<Store, 'longDb'>, sha256s: readonly string[], place: Place) => select(store, sha256s, isOnlyHere(place))

export interface Keeping extends Place {
  /** True when the process serves endpoints. */
  isServing: boolean
}

/** Of some files in a cache, those that it should keep although they were not used for a day. */
export const findFilesToKeep = (store: Pick<Store, 'longDb'>, sha256s: readonly string[], keeping: Keeping) =>
  select(store, sha256s, keeping.isServing ? sql`(${isOnlyHere(keeping)}) or sha256 in (${servedFiles})` : isOnlyHere(keeping))
