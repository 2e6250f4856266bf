// Catalogs like the shipped one, but for what a test changes.
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeDirectory } from './postgres.ts'

const shipped = resolve(import.meta.dirname, '../../src/catalog')

export interface CatalogModel {
  kind: string
  scenario: string
  files: { name: string; sources: string[]; sha256: string; size: number }[]
}

interface Shipped {
  acoustic: CatalogModel
  language: CatalogModel
  /** What every deployment has to recognize before it is Complete. */
  reference: { audio: string; text: string }
  /** Where the catalog will lie; `file:` sources are looked for there. */
  dir: string
}

/** Writes the shipped catalog with its Search and Dictation models or its English recording changed. */
export async function writeCatalog(change: (shipped: Shipped) => unknown): Promise<string> {
  const dir = await makeDirectory()
  const catalog = JSON.parse(await readFile(join(shipped, 'catalog.json'), 'utf8'))
  const { reference } = catalog.locales['en-US']
  reference.audio = join(shipped, reference.audio)
  for (const model of catalog.models as CatalogModel[]) {
    for (const file of model.files) file.sources = file.sources.map((source) => source.replace(/^file:/, `file://${shipped}/`))
  }
  const find = (kind: string) => catalog.models.find((model: CatalogModel) => model.kind === kind && model.scenario === 'SEARCH_AND_DICTATION')
  await change({ acoustic: find('ACOUSTIC'), language: find('LANGUAGE'), reference, dir })
  const file = join(dir, 'catalog.json')
  await writeFile(file, JSON.stringify(catalog))
  return file
}

/** Proves a deployment in half the time: for tests that have hundreds of them, and are about something else. */
export const writeQuickCatalog = () =>
  writeCatalog(async ({ reference, dir }) => {
    const half = (await readFile(reference.audio)).subarray(0, 44 + 2 * 16_000 * 1.42)
    half.writeUInt32LE(half.length - 8, 4)
    half.writeUInt32LE(half.length - 44, 40)
    await writeFile(join(dir, 'half.wav'), half)
    Object.assign(reference, { audio: join(dir, 'half.wav'), text: 'We walked along the river.' })
  })

export async function sha256(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', typeof data === 'string' ? Buffer.from(data) : data)).toString('hex')
}
