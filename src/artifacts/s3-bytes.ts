import { openAsBlob } from 'node:fs'
import { AwsClient } from 'aws4fetch'
import { sql } from 'drizzle-orm'
import type { Config } from '../config.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import { storedFiles } from '../postgres/file-tables.ts'
import type { Store } from '../postgres/store.ts'
import { UnavailableError } from '../postgres/unavailable.ts'
import { hashFile } from './bring.ts'
import { type FileBytes, FileChangedError } from './file-ports.ts'

/** The time for writing one file. */
const putMs = 30 * 60_000
/** The time for an answer without a file. */
const answerMs = 30_000
const retries = 3
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Keeps bytes in a bucket of an S3-compatible store, one object for each copy. The list of files stays in Postgres. */
export function createS3Bytes({ longDb }: Pick<Store, 'longDb'>, settings: NonNullable<Config['artifacts']['objectStore']>): FileBytes {
  const { endpoint, bucket, prefix, region, accessKeyId, secretAccessKey, sessionToken } = settings
  const client = new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}), region, service: 's3', retries })
  const bucketUrl = `${endpoint}/${encodeURIComponent(bucket)}`
  const urlOf = (copyId: string) => `${bucketUrl}/${`${prefix}${copyId}`.split('/').map(encodeURIComponent).join('/')}`

  const ask = async (url: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> => {
    const response = await client.fetch(url, init).catch((cause) => {
      throw init.signal.aborted ? cause : away(cause)
    })
    if (response.ok || response.status === 404) return response
    const text = (await response.text()).slice(0, 500)
    const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? ''
    const problem = new Error(`The object store answered ${init.method ?? 'GET'} with ${response.status} ${code}`.trim())
    throw response.status >= 500 || response.status === 429 ? away(problem) : problem
  }

  return {
    async put(copyId, { sha256, size }, path, signal) {
      if ((await hashFile(path, () => {}, signal)) !== sha256) throw new FileChangedError(`The file ${sha256} has other bytes on the disk.`)
      const body = await openAsBlob(path)
      if (body.size !== size) throw new FileChangedError(`The file ${sha256} has another size on the disk.`)
      // The store compares the bytes that arrive with the signed checksum.
      const headers = { 'x-amz-content-sha256': sha256, 'content-type': 'application/octet-stream' }
      const response = await ask(urlOf(copyId), { method: 'PUT', body, headers, signal: AbortSignal.any([signal, AbortSignal.timeout(putMs)]) })
      await response.text()
      if (!response.ok) throw new Error(`The bucket ${bucket} of ARTIFACT_STORE does not exist.`)
      return null
    },
    async *get(copyId, { sha256 }) {
      const response = await ask(urlOf(copyId), { signal: AbortSignal.timeout(putMs) })
      if (!response.ok)
        throw new JobFailure('ARTIFACT_MISSING', `The object store has lost the file ${sha256}. Restore the bucket, or create the model again.`, {
          isLasting: true,
        })
      for await (const piece of response.body ?? []) yield Buffer.from(piece)
    },
    async remove(copyId) {
      await (await ask(urlOf(copyId), { method: 'DELETE', signal: AbortSignal.timeout(answerMs) })).text()
    },
    async findOrphans() {
      for (let after: string | undefined = ''; after !== undefined; ) {
        const query = new URLSearchParams({ 'list-type': '2', prefix, ...(after ? { 'start-after': after } : {}) })
        const response = await ask(`${bucketUrl}?${query}`, { signal: AbortSignal.timeout(answerMs) })
        const list = await response.text()
        // The names of copies need no unescaping; others are not ours.
        const keys = [...list.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key as string)
        const copies = keys.map((key) => key.slice(prefix.length)).filter((name) => uuid.test(name))
        const orphans = copies.length
          ? await longDb.execute<{ id: string }>(sql`select id from unnest(${sql.param(copies)}::uuid[]) as copy(id)
              where uuid_extract_timestamp(id) < now() - interval '1 day' and not exists (select from ${storedFiles} where copy_id = id)`)
          : []
        if (orphans.length) return orphans.map(({ id }) => id)
        after = /<IsTruncated>true</.test(list) ? keys.at(-1) : undefined
      }
      return []
    },
  }
}

const away = (cause: unknown) =>
  new UnavailableError('SERVICE_UNAVAILABLE', 'The object store is not available at the moment. Try again in a few seconds.', { cause })
