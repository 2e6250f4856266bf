// Model files out of packages that are not installed, from a registry of our own.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { create } from 'tar'
import { expect, onTestFinished, test } from 'vitest'
import { openArtifacts } from '../../src/artifacts/store.ts'
import { sha256 } from '../support/catalog.ts'
import { modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { collect, startTestService } from '../support/service.ts'

const content = 'the file of a model '.repeat(10_000)

/** A registry with one package, @scope/models@1.0.0, whose integrity is as it is told. */
async function openRegistry({ integrity }: { integrity?: string } = {}) {
  const dir = await makeDirectory()
  await mkdir(join(dir, 'package/dist'), { recursive: true })
  await writeFile(join(dir, 'package/dist/model.onnx'), content)
  await symlink('/etc/passwd', join(dir, 'package/dist/link.onnx'))
  await create({ gzip: true, cwd: dir, file: join(dir, 'package.tgz') }, ['package'])
  const tgz = await readFile(join(dir, 'package.tgz'))
  let downloads = 0
  const server = createServer((request, response) => {
    if (request.url === '/mirror/@scope%2fmodels/1.0.0') {
      const dist = {
        tarball: 'https://elsewhere.example/mirror/files/models.tgz',
        integrity: integrity ?? `sha512-${createHash('sha512').update(tgz).digest('base64')}`,
      }
      return response.setHeader('content-type', 'application/json').end(JSON.stringify({ dist }))
    }
    if (request.url === '/mirror/files/models.tgz') {
      downloads++
      return response.setHeader('content-length', tgz.length).end(tgz)
    }
    return response.writeHead(404).end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await rm(dir, { recursive: true, force: true })
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror/`, downloads: () => downloads }
}

async function openStore(npmRegistry: string) {
  const dataDir = await makeDirectory()
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  return openArtifacts({ dataDir, privateSources: false, npmRegistry })
}

const file = async (name: string, path: string) => ({
  name,
  sources: [`npm-package:@scope/models@1.0.0/${path}`],
  sha256: await sha256(content),
  size: content.length,
})

test('several files of one package share a download', async () => {
  const registry = await openRegistry()
  const told: number[] = []
  const artifacts = await openStore(registry.url)
  const files = await artifacts.fetch({ files: [await file('model', 'dist/model.onnx')] }, { onProgress: (bytes) => told.push(bytes) })
  expect(await readFile(files.model ?? '', 'utf8')).toBe(content)
  expect(told).toEqual([...told].sort((a, b) => a - b))
  const other = await openStore(registry.url)
  await other.fetch({ files: [await file('again', 'dist/model.onnx')] })
  expect(registry.downloads()).toBe(1)
})

test.each([
  ['a missing file', 'dist/none.onnx', {}, /has no file dist\/none\.onnx/],
  ['a link', 'dist/link.onnx', {}, /has no file dist\/link\.onnx/],
  ['another checksum', 'dist/model.onnx', { integrity: `sha512-${btoa('x'.repeat(64))}` }, /checksum differs/],
  ['no checksum', 'dist/model.onnx', { integrity: 'md5-abc' }, /lists no SHA-2 checksum/],
])('fetching refuses a package with %s', async (_, path, options, message) => {
  const registry = await openRegistry(options)
  await expect((await openStore(registry.url)).fetch({ files: [await file('model', path)] })).rejects.toThrow(message)
})

test('a base model with a license is fetched and served after the license was accepted', { timeout: 240_000 }, async ({ skip }) => {
  const api = await startTestService()
  const models = modelsOf(api)
  const { data } = await api.ask('{ models(where: { locale: "es-MX" }) { nodes { id kind license licenseUrl isLicenseAccepted } } }')
  const find = (kind: string) => data?.models.nodes.find((model: { kind: string }) => model.kind === kind)
  expect(find('ACOUSTIC')).toMatchObject({ license: 'LicenseRef-Moonshine-Community', isLicenseAccepted: false, licenseUrl: expect.stringMatching(/^https:/) })
  const input = { locale: 'es-MX', acousticModelId: find('ACOUSTIC').id, languageModelId: find('LANGUAGE').id }
  expect(await api.create(input)).toMatchObject({ code: 'LICENSE_NOT_ACCEPTED', path: 'acousticModelId', message: expect.stringMatching(/acceptLicense/) })
  expect(await models.accept(input.acousticModelId)).toMatchObject({ __typename: 'AcceptLicenseSuccess' })
  const { deployment } = await api.create(input)
  const changes = await collect(api.watch(deployment.id))
  const last = changes.at(-1)
  if (last?.deployment.failure?.code === 'SOURCE_UNREACHABLE') skip('the registry cannot be reached from here')
  expect(last).toMatchObject({ status: 'COMPLETE' })
  expect(changes.filter(({ stage }) => stage === 'FETCHING').length).toBeGreaterThan(3)
})
