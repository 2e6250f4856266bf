import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { Config } from '../config.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import { fileChunks, storedFiles } from '../postgres/file-tables.ts'
import type { Store } from '../postgres/store.ts'
import { receivedFiles, type StoredFile } from '../postgres/tables.ts'
import type { FileStore } from './file-ports.ts'
import { neededFiles } from './needed-files.ts'
import { createPostgresBytes } from './postgres-bytes.ts'
import { createS3Bytes } from './s3-bytes.ts'

/** Files of one statement, so that its locks are held briefly. */
const filesPerRemoval = 50
const pauseMs = 20

interface Manifest {
  copy_id: string
  size: number
  chunks: number | null
}

/** Keeps the list of files in Postgres, and their bytes in the object store, if there is one, or in Postgres. Both can be read. */
export function createFileStore({ db, longDb }: Pick<Store, 'db' | 'longDb'>, objectStore?: Config['artifacts']['objectStore']): FileStore {
  const inPostgres = createPostgresBytes({ longDb })
  const objects = objectStore && createS3Bytes({ db, longDb }, objectStore)
  const target = objects ?? inPostgres
  const placeOf = ({ chunks }: Pick<Manifest, 'chunks'>) => {
    const place = chunks === null ? objects : inPostgres
    if (!place)
      throw new JobFailure('ARTIFACT_MISSING', 'The file is in an object store. Set ARTIFACT_STORE as it was when the file was stored.', { isLasting: true })
    return place
  }

  /** The copy of a file that this process can read. The removal of the file is put off, so that there is time to refer to it. */
  const renew = async (sha256: string) => {
    const isReadable = sql`(chunks is not null or ${Boolean(objects)})`
    const [found] = await db.execute<Manifest & Record<string, unknown>>(sql`update ${storedFiles} set stored_at = now()
      where sha256 = ${sha256} and ${isReadable} returning copy_id, size::float8 as size, chunks`)
    return found
  }

  /**
   * Makes the copy that of the file. Returns the id of the copy that counts: the first one, unless this process cannot
   * read it or it is the lost one.
   */
  const publish = async ({ sha256, size }: StoredFile, copyId: string, chunks: number | null, lostCopyId: string | undefined) => {
    // The chunks of a writer that stood still for hours were removed.
    const isWhole = sql`${chunks ?? 0} = (select count(*) from ${fileChunks} where copy_id = ${copyId})`
    const isReplaced = sql`(file.copy_id = ${lostCopyId ?? null}::uuid or (file.chunks is null and not ${Boolean(objects)}))`
    const [published] = await longDb.execute<{ copy_id: string }>(sql`insert into ${storedFiles} as file (sha256, size, copy_id, chunks)
      select ${sha256}::text, ${size}::bigint, ${copyId}::uuid, ${chunks}::int where ${isWhole}
      on conflict (sha256) do update set stored_at = now(),
        copy_id = case when ${isReplaced} then excluded.copy_id else file.copy_id end,
        chunks = case when ${isReplaced} then excluded.chunks else file.chunks end
      returning copy_id`)
    if (!published) throw new Error('The chunks of a file were removed before it was complete.')
    return published.copy_id
  }

  return {
    async write(file, path, signal) {
      const there = await renew(file.sha256)
      if (there && (await placeOf(there).has(there.copy_id))) return
      const [made] = await db.execute<{ id: string }>(sql`select uuidv7() as id`)
      const copyId = made?.id ?? ''
      let chunks: number | null
      try {
        chunks = await target.put(copyId, file, path, signal)
      } catch (error) {
        target.remove(copyId).catch(() => {})
        throw error
      }
      if ((await publish(file, copyId, chunks, there?.copy_id)) !== copyId) await target.remove(copyId)
    },
    async read(sha256) {
      const [manifest] = await db.execute<Manifest & Record<string, unknown>>(
        sql`select copy_id, size::float8 as size, chunks from ${storedFiles} where sha256 = ${sha256}`,
      )
      if (!manifest) return undefined
      const { copy_id, size, chunks } = manifest
      return Readable.from(placeOf(manifest).get(copy_id, { sha256, size }, chunks), { objectMode: false })
    },
    async removeUnneeded(signal) {
      // An upload refers to its file within an hour. A model that is being made can take longer.
      const isReceived = sql`sha256 in (select sha256 from ${receivedFiles})`
      const isOld = sql`(stored_at < now() - interval '1 day' or (stored_at < now() - interval '2 hours' and ${isReceived}))`
      const some = sql`select sha256 from ${storedFiles} where ${isOld} and sha256 not in (${neededFiles}) limit ${filesPerRemoval}`
      let removed = 0
      for (let found = 1; found && !signal.aborted; removed += found) {
        // The age is compared again under the lock of the row: a writer can have stored the file meanwhile.
        found = (await longDb.execute(sql`delete from ${storedFiles} where sha256 in (${some}) and ${isOld} returning sha256`)).length
        await delay(pauseMs)
      }
      await longDb.execute(sql`delete from ${receivedFiles} where received_at < now() - interval '1 day'
        or (received_at < now() - interval '2 hours' and sha256 not in (select sha256 from ${storedFiles}))`)
      for (const place of [inPostgres, objects]) {
        for (let orphans = (await place?.findOrphans()) ?? []; orphans.length && !signal.aborted; orphans = (await place?.findOrphans()) ?? [])
          for (const copyId of orphans) await place?.remove(copyId)
      }
      return removed
    },
  }
}
