import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ProvisioningFailure } from '../domain/failure.ts'
import type { ArtifactFile, ModelRow } from '../postgres/tables.ts'
import { openSource } from './source.ts'

interface FetchOptions {
  /** Called with the number of bytes that have been read and checked since the last call. */
  onBytes?: (bytes: number) => void
  signal?: AbortSignal
}

/** Paths of a model's files by their names in the catalog, such as `encoder`. */
export type ModelFiles = Readonly<Record<string, string>>

/** Model files on this machine's disk, each under its own SHA-256. */
export interface Artifacts {
  /** Brings the files here when they are missing, and reads and checks every byte either way. */
  fetch(model: Pick<ModelRow, 'files'>, options?: FetchOptions): Promise<ModelFiles>
  /** The same files for serving: fetched and checked once in the life of this process. */
  open(model: ModelRow): Promise<ModelFiles>
}

export async function openArtifacts(dataDir: string): Promise<Artifacts> {
  const dir = join(dataDir, 'artifacts')
  await mkdir(dir, { recursive: true })
  const opened = new Map<string, Promise<ModelFiles>>()

  const fetchFile = async (file: ArtifactFile, options: FetchOptions) => {
    const path = join(dir, file.sha256)
    if ((await stat(path).catch(() => undefined))?.size === file.size) {
      const kept = await copyChecked(file, async () => createReadStream(path), undefined, options)
      if (kept === file.sha256) return path
      await rm(path, { force: true })
    }
    // Written beside its final place and renamed when it has proved right, so half a file never counts.
    const partial = join(dir, `${file.sha256}.${randomUUID()}.partial`)
    try {
      const found = await copyChecked(file, () => openSource(file), partial, options)
      if (found !== file.sha256) throw checksumMismatch(file, found)
      await rename(partial, path)
      return path
    } finally {
      await rm(partial, { force: true })
    }
  }

  const fetch = async (model: Pick<ModelRow, 'files'>, options: FetchOptions = {}) => {
    const files: Record<string, string> = {}
    for (const file of model.files) files[file.name] = await fetchFile(file, options)
    return files
  }

  return {
    fetch,
    open(model) {
      const known = opened.get(model.id)
      if (known) return known
      const files = fetch(model)
      opened.set(model.id, files)
      files.catch(() => opened.delete(model.id))
      return files
    },
  }
}

/** Reads the stream to its end, writing it to `target` when there is one; answers the SHA-256 of what came. */
async function copyChecked(
  file: ArtifactFile,
  open: () => Promise<NodeJS.ReadableStream>,
  target: string | undefined,
  { onBytes, signal }: FetchOptions,
): Promise<string> {
  const hash = createHash('sha256')
  let size = 0
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length
      hash.update(chunk)
      onBytes?.(chunk.length)
      if (size > file.size) done(sizeMismatch(file, 'more'))
      else done(null, target ? chunk : undefined)
    },
  })
  try {
    const source = await open()
    if (target) await pipeline(source, check, createWriteStream(target), { signal })
    else await pipeline(source, check.resume(), { signal })
  } catch (error) {
    throw asFailure(error, file)
  }
  if (size < file.size) throw sizeMismatch(file, `only ${size}`)
  return hash.digest('hex')
}

function asFailure(error: unknown, file: ArtifactFile): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC')
    return new ProvisioningFailure('DISK_FULL', 'The disk is full. Free some space in DATA_DIR, then create the deployment again.', {
      isLasting: true,
      cause: error,
    })
  if (code && ['EACCES', 'EPERM', 'EISDIR', 'EIO', 'EROFS'].includes(code)) {
    return new ProvisioningFailure(
      'ARTIFACT_UNREADABLE',
      `The model file "${file.name}" cannot be read (${code}). Check the permissions of its source and of DATA_DIR.`,
      { isLasting: true, cause: error },
    )
  }
  return error
}

const sizeMismatch = (file: ArtifactFile, came: string) =>
  new ProvisioningFailure(
    'ARTIFACT_SIZE_MISMATCH',
    `The model file "${file.name}" should have ${file.size} bytes, but ${came} came. Repair the file or its catalog entry.`,
    { isLasting: true },
  )

const checksumMismatch = (file: ArtifactFile, found: string) =>
  new ProvisioningFailure(
    'ARTIFACT_CHECKSUM_MISMATCH',
    `The model file "${file.name}" is not the one the catalog describes: its SHA-256 is ${found.slice(0, 12)}…, expected ${file.sha256.slice(0, 12)}…. Repair the file or its catalog entry.`,
    { isLasting: true },
  )
