// Model files that are unavailable, corrupt or larger than the disk.
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { writeCatalog } from '../support/catalog.ts'
import { makeDirectory } from '../support/postgres.ts'
import { collect, startTestService } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'

const retry = 'mutation ($id: ID!) { retryDeployment(id: $id) { __typename } }'

/** Mounts a file system of a given size on a new directory; undefined if the user cannot mount. */
function mountSmall(dir: string, megabytes: number): (() => void) | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'none', dir], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  const unmount = () => void execFileSync('umount', [dir])
  onTestFinished(unmount)
  return unmount
}

test('a full disk fails FETCHING with the reason, leaves no partial file and keeps existing files intact', async (context) => {
  const dataDir = await makeDirectory()
  const artifacts = join(dataDir, 'artifacts')
  await mkdir(artifacts)
  if (!mountSmall(artifacts, 40)) return context.skip('this user cannot mount a file system')
  const api = await startTestService({ DATA_DIR: dataDir })
  // The smaller models fit, but not together with the larger ones.
  expect((await api.deploy('SEARCH_AND_DICTATION')).status).toBe('COMPLETE')
  const before = (await readdir(artifacts)).sort()
  const started = performance.now()
  const last = await api.deploy('CONVERSATIONAL')
  expect(last).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'FETCHING', code: 'DISK_FULL' } } })
  expect(last.message).toMatch(/Free space/)
  figure('6, disk full while fetching', { 'until FAILED, ms': performance.now() - started })
  // The complete first file of the larger model can stay, but no partial file.
  const after = await readdir(artifacts)
  expect(after.filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([])
  for (const name of before) expect(after).toContain(name)
  expect((await api.deploy('SEARCH_AND_DICTATION')).status).toBe('COMPLETE')
})

test('the failure names a corrupt artifact and its checksum, and a retry after the repair completes', async () => {
  let broken = ''
  let right: Buffer = Buffer.alloc(0)
  const catalog = await writeCatalog(async ({ acoustic, dir }) => {
    const [encoder] = acoustic.files
    if (!encoder) throw new Error('no encoder')
    const path = (encoder.sources[0] as string).replace('npm:', join(import.meta.dirname, '../../node_modules/'))
    right = await readFile(path)
    broken = join(dir, 'encoder.onnx')
    const wrong = Buffer.from(right)
    wrong[1_000_000] = (wrong[1_000_000] as number) ^ 1
    await writeFile(broken, wrong)
    encoder.sources = ['file:encoder.onnx']
  })
  const api = await startTestService({ CATALOG: catalog })
  const failed = await api.deploy()
  expect(failed).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'FETCHING', code: 'ARTIFACT_CHECKSUM_MISMATCH' } } })
  expect(failed.message).toContain('SHA-256')
  expect(failed.message).toContain('encoder')
  await writeFile(broken, right)
  await api.ask(retry, { id: failed.deploymentId })
  expect((await collect(api.watch(failed.deploymentId))).at(-1)?.status).toBe('COMPLETE')
  figure('7, corrupt artifact, repaired, tried again', { 'bits that differed': 1, 'after the repair': 'COMPLETE' })
})

test('a corrupted file in the store is detected and fetched again', async () => {
  const dataDir = await makeDirectory()
  const api = await startTestService({ DATA_DIR: dataDir })
  expect((await api.deploy()).status).toBe('COMPLETE')
  const artifacts = join(dataDir, 'artifacts')
  const sizes = await Promise.all((await readdir(artifacts)).map(async (name) => ({ name, size: (await stat(join(artifacts, name))).size })))
  const largest = sizes.reduce((a, b) => (b.size > a.size ? b : a))
  const path = join(artifacts, largest.name)
  const bytes = await readFile(path)
  bytes[5000] = (bytes[5000] as number) ^ 255
  await writeFile(path, bytes)
  expect((await api.deploy()).status).toBe('COMPLETE')
  expect(Buffer.from(await crypto.subtle.digest('SHA-256', await readFile(path))).toString('hex')).toBe(largest.name)
})

test('the deletion of a deployment during FETCHING leaves no partial file, no job and no row', async () => {
  const dataDir = await makeDirectory()
  const api = await startTestService({ DATA_DIR: dataDir })
  const artifacts = join(dataDir, 'artifacts')
  const { deployment } = await api.create(await api.sampleInput('CONVERSATIONAL'))
  for await (const { stage } of api.watch(deployment.id)) if (stage === 'FETCHING') break
  const started = performance.now()
  await api.ask('mutation ($id: ID!) { deleteDeployment(id: $id) { __typename } }', { id: deployment.id })
  await until(async () => (await readdir(artifacts)).every((name) => /^[0-9a-f]{64}$/.test(name)), 1000)
  figure('delete while fetching', { 'until nothing is left, ms': performance.now() - started })
  expect((await api.deploy('CONVERSATIONAL')).status).toBe('COMPLETE')
})
