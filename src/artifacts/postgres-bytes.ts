import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type SQL, sql } from 'drizzle-orm'
import { fileChunks, storedFiles } from '../postgres/file-tables.ts'
import type { Store } from '../postgres/store.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { type FileBytes, FileChangedError } from './file-ports.ts'

/** The maximum size of a chunk, which is one statement. */
const chunkBytes = 1e6
/** Chunks that one statement removes. */
const chunksPerRemoval = 20
const copiesPerSweep = 100
/** The time for which a chunk is tried again while Postgres is unavailable, for example during a failover. */
const patienceMs = 30_000
const retryMs = 500

/**
 * Keeps bytes in Postgres. The process sends one chunk at a time, whatever the number of files, so that other long
 * statements find a connection and little memory is used.
 */
export function createPostgresBytes({ longDb }: Pick<Store, 'longDb'>): FileBytes {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(statement: SQL): Promise<T[]> => {
    const answer = last.then(() => insist(() => longDb.execute<Record<string, unknown>>(statement))) as Promise<unknown> as Promise<T[]>
    last = answer.catch(() => {})
    return answer
  }

  return {
    async put(copyId, { sha256, size }, path, signal) {
      const hash = createHash('sha256')
      let [position, written] = [0, 0]
      for await (const piece of createReadStream(path, { highWaterMark: chunkBytes, signal }) as AsyncIterable<Buffer>) {
        hash.update(piece)
        written += piece.length
        // A statement that is sent again can have had its effect.
        await inTurn(sql`insert into ${fileChunks} (copy_id, position, bytes) values (${copyId}, ${position++}, ${sql.param(piece)}) on conflict do nothing`)
      }
      if (written !== size || hash.digest('hex') !== sha256) throw new FileChangedError(`The file ${sha256} has other bytes on the disk.`)
      return position
    },
    async *get(copyId, { sha256 }, chunks) {
      const read = (position: number) => {
        const piece = inTurn<{ bytes: Buffer }>(sql`select bytes from ${fileChunks} where copy_id = ${copyId} and position = ${position}`)
        piece.catch(() => {})
        return piece
      }
      const count = chunks ?? 0
      let next = count ? read(0) : undefined
      for (let position = 0; position < count; position++) {
        const [piece] = (await next) ?? []
        if (!piece) throw new Error(`The file ${sha256} has no chunk ${position}.`)
        // One chunk is read ahead.
        next = position + 1 < count ? read(position + 1) : undefined
        yield piece.bytes
      }
    },
    has: async () => true,
    async remove(copyId) {
      // The first chunk goes last, since orphans are found by it.
      const some = sql`select copy_id, position from ${fileChunks} where copy_id = ${copyId} order by position desc limit ${chunksPerRemoval}`
      const statement = sql`delete from ${fileChunks} where (copy_id, position) in (${some}) returning position`
      while ((await inTurn(statement)).length);
    },
    async findOrphans() {
      const found = await longDb.execute<{ copy_id: string }>(sql`select copy_id from ${fileChunks} as chunk
        where position = 0 and uuid_extract_timestamp(copy_id) < now() - interval '2 hours'
          and not exists (select from ${storedFiles} as file where file.copy_id = chunk.copy_id) limit ${copiesPerSweep}`)
      return found.map(({ copy_id }) => copy_id)
    },
  }
}

/** Repeats a statement while Postgres is unavailable. Errors are those of Postgres, without the text of the statement, which has the bytes. */
async function insist<T>(send: () => Promise<T>): Promise<T> {
  const began = performance.now()
  while (true) {
    try {
      return await send()
    } catch (error) {
      const reason = (error as Error).cause ?? error
      if (!explainUnavailable(reason) || performance.now() - began > patienceMs) throw reason
      await delay(retryMs)
    }
  }
}
