// Acoustic models as users bring them: the base model's files, an archive, and the wait for what becomes of it.
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { create } from 'tar'
import { onTestFinished } from 'vitest'
import { openArtifacts } from '../../src/artifacts/store.ts'
import { readCatalog } from '../../src/domain/catalog.ts'
import type { modelsOf } from './models.ts'
import { makeDirectory } from './postgres.ts'
import { collect } from './service.ts'

/** The files of a base acoustic model. */
export async function baseAcousticFiles(scenario: string) {
  const catalog = await readCatalog(resolve(import.meta.dirname, '../../src/catalog/catalog.json'))
  const artifacts = await openArtifacts({ dataDir: join(tmpdir(), 'custom-speech-test-models'), privateSources: false })
  const model = catalog.models.find((one) => one.kind === 'ACOUSTIC' && one.scenario === scenario)
  return artifacts.fetch(model as never)
}

/** An archive with these files in it, as tar makes it. */
export async function makeArchive(files: Record<string, string>): Promise<Buffer<ArrayBuffer>> {
  const dir = await makeDirectory()
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  await mkdir(join(dir, 'model'))
  for (const [name, path] of Object.entries(files)) await copyFile(path, join(dir, 'model', name))
  await create({ gzip: { level: 1 }, cwd: dir, file: join(dir, 'model.tgz') }, ['model'])
  return readFile(join(dir, 'model.tgz'))
}

/** Uploads an archive, makes a model of it, and waits until that is READY or FAILED. */
export async function bringModel(models: ReturnType<typeof modelsOf>, archive: Buffer<ArrayBuffer>, scenario?: string) {
  const response = await models.upload('acoustic-model', archive)
  const { id, sha256 } = (await response.json()) as { id: string; sha256: string }
  const { model } = await models.createAcousticModel({ source: { uploadId: id }, sha256 }, scenario)
  const changes = await collect(models.watch(model.id))
  return { id: model.id as string, last: changes.at(-1), found: await models.find(model.id) }
}
