import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { and, isNull, notInArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Db } from '../postgres/client.ts'
import { modelKind, models, scenario } from '../postgres/tables.ts'
import { canonicalizeTag } from './validation.ts'

/** An invalid catalog file. The message names the entries to correct. */
export class CatalogError extends Error {}

const file = z.object({
  name: z.string(),
  sources: z.array(z.string().regex(/^(npm:|npm-package:|file:|https:)/, 'must begin with npm:, npm-package:, file: or https:')).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'),
  size: z.int().positive(),
})

const tag = z.string().transform((text, { addIssue }) => {
  const canonical = canonicalizeTag(text)
  if (!canonical) addIssue('must be a BCP 47 tag, such as en-US')
  return canonical ?? text
})

const catalogFile = z.object({
  locales: z.record(tag, z.object({ reference: z.object({ audio: z.string(), text: z.string().min(1) }) })),
  models: z.array(
    z.object({
      id: z.uuid(),
      kind: z.enum(modelKind.enumValues),
      locale: tag,
      scenario: z.enum(scenario.enumValues),
      name: z.string().min(1),
      description: z.string(),
      license: z.string(),
      /** The URL of the license text, for models whose license a workspace must accept before a download. */
      licenseUrl: z.url({ protocol: /^https$/ }).nullish(),
      files: z.array(file).min(1),
    }),
  ),
})

/** A sentence whose recording proves that a deployment recognizes its locale. */
interface Reference {
  audioFile: string
  text: string
}

/** The base models and the locales that they are for. */
export interface Catalog {
  models: z.infer<typeof catalogFile>['models']
  references: Map<string, Reference>
}

export async function readCatalog(path: string): Promise<Catalog> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new CatalogError(
      `The catalog ${path} cannot be read (${error.code}). Set CATALOG to a catalog file, or remove the setting to use the catalog of custom-speech.`,
    )
  })
  const parsed = catalogFile.safeParse(parseJson(text))
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || 'the file'}: ${issue.message}`)
    throw new CatalogError(`The catalog ${path} is invalid. Correct these entries:\n${problems.join('\n')}`)
  }
  const catalog = parsed.data
  for (const model of catalog.models) {
    if (!catalog.locales[model.locale])
      throw new CatalogError(
        `The catalog ${path} has the model "${model.name}" for ${model.locale}, which its locales do not include. Add the locale, or correct the model.`,
      )
    for (const entry of model.files) {
      entry.sources = entry.sources.map((source) => (source.startsWith('file:') ? new URL(source.slice('file:'.length), pathToFileURL(path)).href : source))
    }
  }
  const references = Object.entries(catalog.locales).map(
    ([locale, { reference }]) => [locale, { audioFile: resolve(dirname(path), reference.audio), text: reference.text }] as const,
  )
  return { models: catalog.models, references: new Map(references) }
}

/**
 * Makes the base models in the database equal to those of the catalog. A model that the catalog no longer lists is
 * retired: existing deployments keep it, and new deployments cannot use it.
 */
export async function publishCatalog(db: Db, catalog: Catalog): Promise<void> {
  await db.transaction(async (tx) => {
    for (const model of catalog.models) {
      const row = { ...model, licenseUrl: model.licenseUrl ?? null, workspaceId: null, retiredAt: null }
      const { id, ...changes } = row
      await tx.insert(models).values(row).onConflictDoUpdate({ target: models.id, set: changes })
    }
    const listed = catalog.models.map((model) => model.id)
    const gone = and(isNull(models.workspaceId), isNull(models.retiredAt), listed.length ? notInArray(models.id, listed) : undefined)
    await tx.update(models).set({ retiredAt: sql`now()` }).where(gone)
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CatalogError(`The catalog is not valid JSON: ${(error as Error).message}`)
  }
}
