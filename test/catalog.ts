// Catalogs like the shipped one, but for what a test changes.
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeDirectory } from './postgres.ts'

const shipped = resolve(import.meta.dirname, '../src/catalog')

export interface CatalogModel {
  kind: string
  scenario: string
  files: { name: string; sources: string[]; sha256: string; size: number }[]
}

/** Writes the shipped catalog with its Search and Dictation models changed; `file:` sources are looked for beside it. */
export async function writeCatalog(change: (acoustic: CatalogModel, language: CatalogModel, dir: string) => unknown): Promise<string> {
  const dir = await makeDirectory()
  const catalog = JSON.parse(await readFile(join(shipped, 'catalog.json'), 'utf8'))
  catalog.locales['en-US'].reference.audio = join(shipped, catalog.locales['en-US'].reference.audio)
  for (const model of catalog.models as CatalogModel[]) {
    for (const file of model.files) file.sources = file.sources.map((source) => source.replace(/^file:/, `file://${shipped}/`))
  }
  const find = (kind: string) => catalog.models.find((model: CatalogModel) => model.kind === kind && model.scenario === 'SEARCH_AND_DICTATION')
  await change(find('ACOUSTIC'), find('LANGUAGE'), dir)
  const file = join(dir, 'catalog.json')
  await writeFile(file, JSON.stringify(catalog))
  return file
}

export async function sha256(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', typeof data === 'string' ? Buffer.from(data) : data)).toString('hex')
}
