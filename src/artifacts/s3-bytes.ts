import { openAsBlob } from 'node:fs'
import { AwsClient } from 'aws4fetch'
import { sql } from 'drizzle-orm'
import type { Config } from '../config.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import { objectCopies, storedFiles } from '../postgres/file-tables.ts'
import { readInstallation } from '../postgres/installation.ts'
import type { Store } from '../postgres/store.ts'
import { UnavailableError } from '../postgres/unavailable.ts'
import { hashFile } from './bring.ts'
import { type OwnerObject, ownBucket, ownerName } from './bucket-owner.ts'
import { type FileBytes, FileChangedError } from './file-ports.ts'

/** The time for writing one file. */
const putMs = 30 * 60_000
/** The time for an answer without a file. */
const answerMs = 30_000
const retries = 3
const copiesPerSweep = 100

/** Keeps bytes in a bucket of an S3-compatible store, one object for each copy. The list of files stays in Postgres. */
export function createS3Bytes({ db, longDb }: Pick<Store, 'db' | 'longDb'>, settings: NonNullable<Config['artifacts']['objectStore']>): FileBytes {
  const { endpoint, bucket, prefix, region, accessKeyId, secretAccessKey, sessionToken } = settings
  const client = new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}), region, service: 's3', retries })
  const bucketUrl = `${endpoint}/${encodeURIComponent(bucket)}`
  const urlOf = (copyId: string) => `${bucketUrl}/${`${prefix}${copyId}`.split('/').map(encodeURIComponent).join('/')}`

  const ask = async (url: string, init: RequestInit & { signal: AbortSignal }, expected: readonly number[] = []): Promise<Response> => {
    const response = await client.fetch(url, init).catch((cause) => {
      throw init.signal.aborted ? cause : away(cause)
    })
    if (response.ok || response.status === 404 || expected.includes(response.status)) return response
    const text = (await response.text()).slice(0, 500)
    const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? ''
    const problem = new Error(`The object store answered ${init.method ?? 'GET'} with ${response.status} ${code}`.trim())
    throw response.status >= 500 || response.status === 429 ? away(problem) : problem
  }

  const ownerUrl = urlOf(ownerName)
  const owner: OwnerObject = {
    async read() {
      const response = await ask(ownerUrl, { signal: AbortSignal.timeout(answerMs) })
      const text = await response.text()
      if (!response.ok && isWithoutBucket(text)) throw noBucket(bucket)
      return response.ok ? text : undefined
    },
    async create(text) {
      // A store that does not know the condition can lose a race of two installations at their first file.
      const init = { method: 'PUT', body: text, headers: { 'if-none-match': '*' }, signal: AbortSignal.timeout(answerMs) }
      await ask(ownerUrl, init, [409, 412]).then((response) => response.text())
    },
  }
  let owned: Promise<boolean> | undefined
  /** Asks once in the life of the process, unless that fails. */
  const own = () => {
    owned ??= readInstallation(db).then((installation) => ownBucket(owner, installation))
    owned.catch(() => {
      owned = undefined
    })
    return owned
  }

  return {
    async put(copyId, { sha256, size }, path, signal) {
      if ((await hashFile(path, () => {}, signal)) !== sha256) throw new FileChangedError(`The file ${sha256} has other bytes on the disk.`)
      const body = await openAsBlob(path)
      if (body.size !== size) throw new FileChangedError(`The file ${sha256} has another size on the disk.`)
      await own()
      await db.execute(sql`insert into ${objectCopies} (copy_id) values (${copyId})`)
      // The store compares the bytes that arrive with the signed checksum.
      const headers = { 'x-amz-content-sha256': sha256, 'content-type': 'application/octet-stream' }
      const response = await ask(urlOf(copyId), { method: 'PUT', body, headers, signal: AbortSignal.any([signal, AbortSignal.timeout(putMs)]) })
      await response.text()
      if (!response.ok) throw noBucket(bucket)
      return null
    },
    async *get(copyId, { sha256 }) {
      const response = await ask(urlOf(copyId), { signal: AbortSignal.timeout(putMs) })
      if (!response.ok) throw isWithoutBucket(await response.text()) ? noBucket(bucket) : lost(sha256)
      for await (const piece of response.body ?? []) yield Buffer.from(piece)
    },
    async has(copyId) {
      return (await ask(urlOf(copyId), { method: 'HEAD', signal: AbortSignal.timeout(answerMs) })).ok
    },
    async remove(copyId) {
      await (await ask(urlOf(copyId), { method: 'DELETE', signal: AbortSignal.timeout(answerMs) })).text()
      // A write that was given up can still arrive, so the copy is removed again later.
      await db.execute(sql`delete from ${objectCopies} where copy_id = ${copyId} and ${isOld}`)
    },
    async findOrphans() {
      const found = await longDb.execute<{ copy_id: string }>(sql`select copy_id from ${objectCopies} as copy
        where ${isOld} and not exists (select from ${storedFiles} as file where file.copy_id = copy.copy_id) limit ${copiesPerSweep}`)
      if (found.length && !(await ownBucket(owner, await readInstallation(db))))
        throw new Error(
          `No object is removed from ARTIFACT_STORE, because its object ${prefix}${ownerName} has the id of another installation. Use another bucket or prefix. If this database was restored and the original is gone, delete that object.`,
        )
      return found.map(({ copy_id }) => copy_id)
    },
  }
}

/** The id of a copy tells its age. */
const isOld = sql`uuid_extract_timestamp(copy_id) < now() - interval '2 hours'`
const isWithoutBucket = (answer: string) => answer.includes('<Code>NoSuchBucket</Code>')
const noBucket = (bucket: string) => new Error(`The bucket ${bucket} of ARTIFACT_STORE does not exist.`)
const lost = (sha256: string) =>
  new JobFailure('ARTIFACT_MISSING', `The object store has lost the file ${sha256}. Restore the bucket, or create the model again.`, { isLasting: true })
const away = (cause: unknown) =>
  new UnavailableError('SERVICE_UNAVAILABLE', 'The object store is not available at the moment. Try again in a few seconds.', { cause })
