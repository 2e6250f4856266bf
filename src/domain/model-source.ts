import type { Recipe } from '../postgres/tables.ts'

/** Where an acoustic model came from, for people; a path or query of an address may be secret, so its host stands for it. */
export function describeSource(recipe: Recipe | null): string | null {
  const archive = recipe?.archive
  if (!archive) return null
  if (archive.kind === 'NPM') return archive.package
  return archive.kind === 'HTTPS' ? new URL(archive.url).host : `upload ${archive.file.sha256}`
}
