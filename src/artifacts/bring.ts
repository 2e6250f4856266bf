import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { ArtifactFile } from '../postgres/tables.ts'
import { openSource, type SourceOptions } from './source.ts'

interface BringOptions extends Omit<SourceOptions, 'arriving'> {
  /** Called with the number of bytes received so far. */
  tell: (bytes: number) => void
  maxMs?: number
}

/** The maximum duration of one download. */
const defaultMaxMs = 40 * 60_000

/**
 * Copies a file from the first of its sources that has it. The copy has a temporary name until its size and checksum are
 * verified, so an incomplete file is never used.
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
      // A temporary failure takes precedence over a lasting one, since another try can succeed.
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

async function copy(file: ArtifactFile, source: string, partial: string, { tell, maxMs = defaultMaxMs, ...options }: BringOptions): Promise<void> {
  const tooLong = AbortSignal.timeout(maxMs)
  const signal = AbortSignal.any([options.signal, tooLong])
  // During the download of a package, progress is the received share of the package.
  let maxReported = 0
  const tellMore = (bytes: number) => {
    maxReported = Math.max(maxReported, bytes)
    tell(maxReported)
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

/** The failure of a copy, in words for the user. */
export function asFailure(error: unknown, file: ArtifactFile): unknown {
  if (error instanceof JobFailure || (error as Error).name === 'AbortError') return error
  const { code, name } = error as NodeJS.ErrnoException
  const lasting = (as: string, message: string) => new JobFailure(as, message, { isLasting: true, cause: error })
  if (code === 'ENOSPC' || code === 'EDQUOT') return lasting('DISK_FULL', 'The disk is full. Free space in DATA_DIR, then retry.')
  if (code && ['EACCES', 'EPERM', 'EISDIR', 'EIO', 'EROFS'].includes(code))
    return lasting('ARTIFACT_UNREADABLE', `The model file "${file.name}" cannot be read (${code}). Check the permissions of its source and of DATA_DIR.`)
  const reason = `The model file "${file.name}" was not received completely (${code ?? name}). The download starts again.`
  return new JobFailure('SOURCE_UNREACHABLE', reason, { isLasting: false, cause: error })
}

const tooSlow = (file: ArtifactFile, ms: number) =>
  new JobFailure('SOURCE_TOO_SLOW', `The download of the model file "${file.name}" took longer than ${ms / 60_000} minutes. Choose a faster source.`, {
    isLasting: true,
  })

const sizeMismatch = (file: ArtifactFile, received: string) =>
  new JobFailure(
    'ARTIFACT_SIZE_MISMATCH',
    `The model file "${file.name}" must have ${file.size} bytes, but ${received} were received. Correct the file or its catalog entry.`,
    { isLasting: true },
  )

const checksumMismatch = (file: ArtifactFile, found: string) =>
  new JobFailure(
    'ARTIFACT_CHECKSUM_MISMATCH',
    `The model file "${file.name}" has the SHA-256 ${found.slice(0, 12)}…, but the catalog lists ${file.sha256.slice(0, 12)}…. Correct the file or its catalog entry.`,
    { isLasting: true },
  )
