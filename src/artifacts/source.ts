import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ProvisioningFailure } from '../domain/failure.ts'
import type { ArtifactFile } from '../postgres/tables.ts'

/** Opens a file where the catalog says it is: `npm:<package>/<path>` or a `file:` URL. */
export async function openSource(file: ArtifactFile): Promise<NodeJS.ReadableStream> {
  const candidates = file.source.startsWith('npm:') ? npmCandidates(file.source.slice('npm:'.length)) : [fileURLToPath(file.source)]
  for (const path of candidates) {
    const handle = await open(path).catch((error) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    })
    if (handle) return handle.createReadStream()
  }
  throw new ProvisioningFailure(
    'ARTIFACT_MISSING',
    `The model file "${file.name}" is not there: ${file.source}. Run npm ci again, or correct the catalog entry.`,
    { isLasting: true },
  )
}

// Packages may hide their files from import (`exports`), but not from the file system.
function npmCandidates(path: string): string[] {
  const folders = createRequire(import.meta.url).resolve.paths(path) ?? []
  return folders.map((folder) => join(folder, path))
}
