import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ProvisioningFailure } from '../domain/failure.ts'
import type { ArtifactFile } from '../postgres/tables.ts'
import { type HttpsOptions, openHttps } from './https-source.ts'

/** Opens one of a file's sources: `npm:<package>/<path>` of an installed package, a `file:` URL, or `https:`. */
export async function openSource(file: ArtifactFile, source: string, options: HttpsOptions): Promise<NodeJS.ReadableStream> {
  if (source.startsWith('https:')) return openHttps(source, options)
  const candidates = source.startsWith('npm:') ? npmCandidates(source.slice('npm:'.length)) : [fileURLToPath(source)]
  for (const path of candidates) {
    const handle = await open(path).catch((error) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    })
    if (handle) return handle.createReadStream()
  }
  throw new ProvisioningFailure(
    'ARTIFACT_MISSING',
    `The model file "${file.name}" is not there: ${source.replace(/^file:.*\//, 'file:…/')}. Run npm ci again, or correct the catalog entry.`,
    { isLasting: true },
  )
}

// Packages may hide their files from import (`exports`), but not from the file system.
function npmCandidates(path: string): string[] {
  const folders = createRequire(import.meta.url).resolve.paths(path) ?? []
  return folders.map((folder) => join(folder, path))
}
