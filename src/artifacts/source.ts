import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { ArtifactFile, StoredFile } from '../postgres/tables.ts'
import { type HttpsOptions, openHttps } from './https-source.ts'
import { openPackageFile, type PackageOptions } from './npm-package.ts'

export type SourceOptions = HttpsOptions & PackageOptions

/**
 * Opens a source of a file: `npm:<package>/<path>` of an installed package, `npm-package:<package>@<version>/<path>` of a
 * package to download, a `file:` URL, or an `https:` URL.
 */
export async function openSource(file: ArtifactFile, source: string, options: SourceOptions): Promise<NodeJS.ReadableStream> {
  if (source.startsWith('https:')) return openHttps(source, options)
  if (source.startsWith('npm-package:')) return openPackageFile(source.slice('npm-package:'.length), options)
  if (source === storeSource) throw lost(file)
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

/** The source of a generated or uploaded file, which only the artifact directory has. */
export const storeSource = 'store:'

const lost = (file: ArtifactFile) =>
  new JobFailure(
    'ARTIFACT_MISSING',
    `The file "${file.name}" is missing in the artifact directory. Check that every process has the same DATA_DIR. If the file is lost, create the model again.`,
    { isLasting: true },
  )

/** A file of a model in the artifact directory. */
export const storedFile = (name: string, { sha256, size }: StoredFile): ArtifactFile => ({ name, sources: [storeSource], sha256, size })

// A package can hide files from `import` with `exports`, but not from the file system.
function npmCandidates(path: string): string[] {
  const folders = createRequire(import.meta.url).resolve.paths(path) ?? []
  return folders.map((folder) => join(folder, path))
}
