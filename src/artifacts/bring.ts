import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { ArtifactFile } from '../postgres/tables.ts'
import { openSource, type SourceOptions } from './source.ts'

interface BringOptions extends Omit<SourceOptions, 'arriving'> {
  /** Called with the number of bytes that have come so far. */
  tell: (bytes: number) => void
  maxMs?: number
}

/** No file takes longer than this to come, however slowly it drips. */
const usualLongestMs = 40 * 60_000

/**
 * Copies a file from the first of its sources that has it. It is written beside its place and renamed
 * when size and checksum have proved right, so half a file never counts.
 */
export async function bringFile(file: ArtifactFile, path: string, options: BringOptions): Promise<void> {
  let problem: unknown
  for (const source of file.sources) {
    const partial = `${path}.${randomUUID()}.partial`
    try {
      await copy(file, source, partial, options)
      await rename(partial, path)
      return
    } catch (error) {
      options.signal.throwIfAborted()
      // Of all that went wrong, what may pass is worth another try.
      const failure = asFailure(error, file)
      if (!problem || (isLasting(problem) && !isLasting(failure))) problem = failure
      if (failure instanceof JobFailure && failure.code === 'DISK_FULL') break
    } finally {
      await rm(partial, { force: true })
    }
  }
  throw problem
}

const isLasting = (problem: unknown) => problem instanceof JobFailure && problem.isLasting

async function copy(file: ArtifactFile, source: string, partial: string, { tell, maxMs = usualLongestMs, ...options }: BringOptions): Promise<void> {
  const tooLong = AbortSignal.timeout(maxMs)
  const signal = AbortSignal.any([options.signal, tooLong])
  // A file out of a package is told by the package's share while that is on its way.
  let most = 0
  const tellMore = (bytes: number) => {
    most = Math.max(most, bytes)
    tell(most)
  }
  const arriving = (share: number) => tellMore(0.9 * share * file.size)
  const counted = count(tellMore, file)
  try {
    await pipeline(await openSource(file, source, { ...options, arriving, signal }), counted.stream, createWriteStream(partial, { flags: 'wx', flush: true }), {
      signal,
    })
  } catch (error) {
    throw tooLong.aborted ? tooSlow(file, maxMs) : error
  }
  if (counted.size() < file.size) throw sizeMismatch(file, `only ${counted.size()}`)
  const found = counted.sha256()
  if (found !== file.sha256) throw checksumMismatch(file, found)
}

/** The SHA-256 of a file, in hex. */
export async function hashFile(path: string, tell: (bytes: number) => void, signal: AbortSignal): Promise<string> {
  const counted = count(tell)
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), counted.stream.resume(), { signal })
  return counted.sha256()
}

function count(tell: (bytes: number) => void, file?: ArtifactFile) {
  const hash = createHash('sha256')
  let size = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length
      hash.update(chunk)
      tell(size)
      if (file && size > file.size) done(sizeMismatch(file, 'more'))
      else done(null, file ? chunk : undefined)
    },
  })
  return { stream, size: () => size, sha256: () => hash.digest('hex') }
}

/** What a failed copy means for whoever made the deployment. */
export function asFailure(error: unknown, file: ArtifactFile): unknown {
  if (error instanceof JobFailure || (error as Error).name === 'AbortError') return error
  const { code, name } = error as NodeJS.ErrnoException
  const lasting = (as: string, message: string) => new JobFailure(as, message, { isLasting: true, cause: error })
  if (code === 'ENOSPC' || code === 'EDQUOT') return lasting('DISK_FULL', 'The disk is full. Free some space in DATA_DIR, then try the deployment again.')
  if (code && ['EACCES', 'EPERM', 'EISDIR', 'EIO', 'EROFS'].includes(code))
    return lasting('ARTIFACT_UNREADABLE', `The model file "${file.name}" cannot be read (${code}). Check the permissions of its source and of DATA_DIR.`)
  const reason = `The model file "${file.name}" did not come whole (${code ?? name}). It is fetched again from its beginning.`
  return new JobFailure('SOURCE_UNREACHABLE', reason, { isLasting: false, cause: error })
}

const tooSlow = (file: ArtifactFile, ms: number) =>
  new JobFailure('SOURCE_TOO_SLOW', `The model file "${file.name}" did not come within ${ms / 60_000} minutes. Choose a faster source.`, {
    isLasting: true,
  })

const sizeMismatch = (file: ArtifactFile, came: string) =>
  new JobFailure(
    'ARTIFACT_SIZE_MISMATCH',
    `The model file "${file.name}" should have ${file.size} bytes, but ${came} came. Repair the file or its catalog entry.`,
    { isLasting: true },
  )

const checksumMismatch = (file: ArtifactFile, found: string) =>
  new JobFailure(
    'ARTIFACT_CHECKSUM_MISMATCH',
    `The model file "${file.name}" is not the one the catalog describes: its SHA-256 is ${found.slice(0, 12)}…, expected ${file.sha256.slice(0, 12)}…. Repair the file or its catalog entry.`,
    { isLasting: true },
  )
