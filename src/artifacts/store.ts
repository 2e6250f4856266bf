import type { Stats } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { ArtifactFile, ModelRow } from '../postgres/tables.ts'
import { asFailure, bringFile, hashFile } from './bring.ts'
import { isLocked, withLock } from './lock.ts'

interface FetchOptions {
  /** Called with the bytes of all files that are here and checked, or on their way. */
  onProgress?: (bytes: number) => void
  signal?: AbortSignal
}

/** Paths of a model's files by their names in the catalog, such as `encoder`. */
export type ModelFiles = Readonly<Record<string, string>>

/** Model files on this machine's disk, each under its own SHA-256. */
export interface Artifacts {
  /** Brings the files here when they are missing; every byte has been checked either way. */
  fetch(model: Pick<ModelRow, 'files'>, options?: FetchOptions): Promise<ModelFiles>
  /** The same files for serving: fetched and checked once in the life of this process. */
  open(model: ModelRow): Promise<ModelFiles>
}

/** A file on its way, for however many want it. */
interface Fetching {
  path: Promise<string>
  abort: AbortController
  watchers: Set<(bytes: number) => void>
}

export async function openArtifacts({ dataDir, privateSources }: Config['artifacts']): Promise<Artifacts> {
  const dir = join(dataDir, 'artifacts')
  await mkdir(dir, { recursive: true })
  await sweep(dir)
  const opened = new Map<string, Promise<ModelFiles>>()
  const fetching = new Map<string, Fetching>()
  /** Size, time and number of each file when it was last read and found right. */
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
      // Whoever held the lock before may have brought it.
      if (await isKept(file, path, tell, signal)) return path
      await removePartials(dir, file.sha256)
      await bringFile(file, path, { tell, signal, privateSources })
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

  /** Two that want the same file fetch it once; it is given up when nobody wants it any more. */
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

/** Removes what processes that were killed have left behind; what a live one still writes is locked. */
async function sweep(dir: string) {
  for (const name of await readdir(dir)) {
    const sha256 = name.split('.')[0] ?? ''
    if (name !== sha256 && !(await isLocked(join(dir, `${sha256}.lock`)))) await rm(join(dir, name), { force: true })
  }
}
