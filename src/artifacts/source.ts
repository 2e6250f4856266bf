import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { ArtifactFile, StoredFile } from '../postgres/tables.ts'
import type { FileStore } from './file-ports.ts'
import { type HttpsOptions, openHttps } from './https-source.ts'
import { openPackageFile, type PackageOptions } from './npm-package.ts'

export type SourceOptions = HttpsOptions & PackageOptions & { files?: FileStore | undefined }

/**
 * Opens a source of a file: `npm:<package>/<path>` of an installed package, `npm-package:<package>@<version>/<path>` of a
 * package to download, a `file:` URL, an `https:` URL, or `store:` for a file of the file store.
 */
export async function openSource(file: ArtifactFile, source: string, options: SourceOptions): Promise<NodeJS.ReadableStream> {
  if (source.startsWith('https:')) return openHttps(source, options)
  if (source.startsWith('npm-package:')) return openPackageFile(source.slice('npm-package:'.length), options)
  if (source === storeSource) return (await options.files?.read(file.sha256)) ?? Promise.reject(lost(file))
  const candidates = source.startsWith('npm:') ? npmCandidates(source.slice('npm:'.length)) : [fileURLToPath(source)]
  for (const path of candidates) {
    const handle = await open(path).catch((error) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    })
    if (handle) return handle.createReadStream()
  }
  throw new JobFailure(
    'ARTIFACT_MISSING',
    `The model file "${file.name}" was not found: ${source.replace(/^file:.*\//, 'file:…/')}. Run npm ci again, or correct the catalog entry.`,
    { isLasting: true },
  )
}

/** The source of a generated or uploaded file, which the file store has. */
export const storeSource = 'store:'

const lost = (file: ArtifactFile) =>
  new JobFailure(
    'ARTIFACT_MISSING',
    `The file "${file.name}" is not in the database. If an earlier version stored it in the DATA_DIR of another machine, start a process there once. Otherwise create the model again.`,
    { isLasting: true },
  )

/** A file of a model in the file store. */
export const storedFile = (name: string, { sha256, size }: StoredFile): ArtifactFile => ({ name, sources: [storeSource], sha256, size })

// A package can hide files from `import` with `exports`, but not from the file system.
function npmCandidates(path: string): string[] {
  const folders = createRequire(import.meta.url).resolve.paths(path) ?? []
  return folders.map((folder) => join(folder, path))
}
