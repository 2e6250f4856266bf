import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { ArtifactFile, ModelRow, StoredFile } from '../postgres/tables.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { asFailure, bringFile, hashFile } from './bring.ts'
import { isUnused, listFiles, markUsed, removePartials, signatureOf, sizeOfPartial, sweep } from './cache-files.ts'
import { FileChangedError, type FileStore, maxWriteMs } from './file-ports.ts'
import { withLock } from './lock.ts'

interface FetchOptions {
  /** Called with the received and checked bytes of all files. */
  onProgress?: (bytes: number) => void
  signal?: AbortSignal
}

/** The paths of a model's files by their names in the catalog, such as `encoder`. */
export type ModelFiles = Readonly<Record<string, string>>

/** Selects some of the files with these SHA-256. */
type FindFiles = (sha256s: string[]) => Promise<ReadonlySet<string>>

/** The model files on the disk of this machine, each named by its SHA-256: a cache of the file store and of other sources. */
export interface Artifacts {
  /** Fetches missing files. All files are checked, fetched or not. */
  fetch(model: Pick<ModelRow, 'files'>, options?: FetchOptions): Promise<ModelFiles>
  /** The files for serving, fetched and checked once an hour. */
  open(model: ModelRow): Promise<ModelFiles>
  /**
   * Stores the file that `write` writes to a temporary path, in the file store and here, unless `accept` throws. An
   * incomplete file is never stored.
   */
  keep(write: (path: string) => Promise<void>, accept?: (file: StoredFile) => Promise<void>): Promise<StoredFile>
  /** Removes files from the disk that were not used for a day and that `findNeeded` does not return. Returns the number of removed files. */
  tidy(findNeeded: FindFiles): Promise<number>
  /** Writes the files on the disk that `find` returns to the file store. A file that cannot be read does not stop the others. */
  moveOver(find: FindFiles, signal: AbortSignal): Promise<Move>
}

interface Move {
  /** The SHA-256 of the files that the store has now. */
  moved: string[]
  /** The SHA-256 of files with other bytes. */
  damaged: string[]
  failed: { sha256: string; error: unknown }[]
}

/** A running download, with all of its callers. */
interface Fetching {
  path: Promise<string>
  abort: AbortController
  watchers: Set<(bytes: number) => void>
}

/** Opens the cache. Without a file store, only the sources of the catalog can be fetched. */
export async function openArtifacts({ dataDir, privateSources, npmRegistry, keepsCopies = true }: Config['artifacts'], files?: FileStore): Promise<Artifacts> {
  const dir = join(dataDir, 'artifacts')
  await mkdir(dir, { recursive: true })
  await sweep(dir)
  const opened = new Map<string, { files: Promise<ModelFiles>; at: number }>()
  const fetching = new Map<string, Fetching>()
  /** The size, time and inode of each file at its last successful check. */
  const checked = new Map<string, string>()

  const use = async (sha256: string) => checked.set(sha256, signatureOf(await markUsed(join(dir, sha256))))

  const isKept = async (file: ArtifactFile, path: string, tell: (bytes: number) => void, signal: AbortSignal) => {
    const found = await stat(path).catch(() => undefined)
    if (found?.size !== file.size) return false
    if (checked.get(file.sha256) !== signatureOf(found) && (await hashFile(path, tell, signal)) !== file.sha256) return false
    await use(file.sha256)
    return true
  }

  const obtain = async (file: ArtifactFile, tell: (bytes: number) => void, signal: AbortSignal) => {
    const path = join(dir, file.sha256)
    if (await isKept(file, path, tell, signal)) return path
    const bring = async () => {
      // The earlier holder of the lock can have fetched the file.
      if (await isKept(file, path, tell, signal)) return path
      await removePartials(dir, file.sha256)
      await bringFile(file, path, { tell, signal, privateSources, npmRegistry, files })
      await use(file.sha256)
      return path
    }
    return withLock(`${path}.lock`, bring, { signal, waiting: async () => tell(await sizeOfPartial(dir, file.sha256)) })
  }

  const begin = (file: ArtifactFile): Fetching => {
    const abort = new AbortController()
    const watchers: Fetching['watchers'] = new Set()
    const tell = (bytes: number) => {
      for (const watcher of watchers) watcher(bytes)
    }
    const path = obtain(file, tell, abort.signal).catch((error) => {
      throw asFailure(error, file)
    })
    const shared: Fetching = { path, abort, watchers }
    const forget = () => {
      if (fetching.get(file.sha256) === shared) fetching.delete(file.sha256)
    }
    path.then(forget, forget)
    return shared
  }

  /** Concurrent callers share one download, which is aborted when the last caller leaves. */
  const fetchFile = async (file: ArtifactFile, watcher: (bytes: number) => void, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    const shared = fetching.get(file.sha256) ?? begin(file)
    fetching.set(file.sha256, shared)
    shared.watchers.add(watcher)
    try {
      return await untilAborted(shared.path, signal)
    } finally {
      shared.watchers.delete(watcher)
      if (shared.watchers.size === 0) {
        if (fetching.get(file.sha256) === shared) fetching.delete(file.sha256)
        shared.abort.abort(signal?.reason)
      }
    }
  }

  const fetch = async (model: Pick<ModelRow, 'files'>, { onProgress, signal }: FetchOptions = {}) => {
    const files: Record<string, string> = {}
    let before = 0
    for (const file of model.files) {
      files[file.name] = await fetchFile(file, (bytes) => onProgress?.(before + bytes), signal)
      before += file.size
      onProgress?.(before)
    }
    return files
  }

  return {
    fetch,
    open(model) {
      const known = opened.get(model.id)
      // Files that are in use are marked as used, so that no process with this directory removes them.
      if (known && Date.now() - known.at < usedMs) return known.files
      const found = fetch(model)
      const entry = { files: found, at: Date.now() }
      opened.set(model.id, entry)
      found.catch(() => opened.get(model.id) === entry && opened.delete(model.id))
      return found
    },
    async keep(write, accept) {
      const path = join(dir, randomUUID())
      const signal = AbortSignal.timeout(maxWriteMs)
      const keep = () => keepFile({ dir, partial: `${path}.partial`, files, signal, keepsCopies }, write, accept)
      // The lock keeps other processes from removing the partial file.
      return withLock(`${path}.lock`, keep, { signal, waiting: () => {} })
    },
    async tidy(findNeeded) {
      const areUnused = async (sha256s: Iterable<string>) => {
        const unused: string[] = []
        for (const sha256 of sha256s) if (await isUnused(join(dir, sha256), unusedMs)) unused.push(sha256)
        return unused
      }
      const unused = await areUnused(await listFiles(dir))
      const needed = await findNeeded(unused)
      // A file can have been used meanwhile.
      const removed = await areUnused(unused.filter((sha256) => !needed.has(sha256)))
      for (const sha256 of removed) await rm(join(dir, sha256), { force: true })
      return removed.length
    },
    async moveOver(find, signal) {
      const result: Move = { moved: [], damaged: [], failed: [] }
      for (const sha256 of await find(await listFiles(dir))) {
        const path = join(dir, sha256)
        const inTime = AbortSignal.any([signal, AbortSignal.timeout(maxWriteMs)])
        const move = async () => files?.write({ sha256, size: (await stat(path)).size }, path, inTime)
        try {
          // Of several processes with this directory, one writes the file.
          await withLock(`${path}.lock`, move, { signal: inTime, waiting: () => {} })
          result.moved.push(sha256)
        } catch (error) {
          // While Postgres or the object store is away, the other files fail too.
          if (signal.aborted || explainUnavailable(error)) throw error
          if (error instanceof FileChangedError) result.damaged.push(sha256)
          else result.failed.push({ sha256, error })
        }
      }
      return result
    },
  }
}

const unusedMs = 24 * 60 * 60_000
/** The interval after which files of a model in use are marked as used again. */
const usedMs = 60 * 60_000

interface KeepOptions {
  dir: string
  partial: string
  files: FileStore | undefined
  signal: AbortSignal
  keepsCopies: boolean
}

async function keepFile(
  { dir, partial, files, signal, keepsCopies }: KeepOptions,
  write: (path: string) => Promise<void>,
  accept: ((file: StoredFile) => Promise<void>) | undefined,
): Promise<StoredFile> {
  try {
    await write(partial)
    const [{ size }, sha256] = await Promise.all([stat(partial), hashFile(partial, () => {}, signal)])
    await accept?.({ sha256, size })
    await files?.write({ sha256, size }, partial, signal)
    if (files && !keepsCopies) return { sha256, size }
    await markUsed(partial)
    await rename(partial, join(dir, sha256))
    return { sha256, size }
  } finally {
    await rm(partial, { force: true })
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => {})
  }
}
