import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type CatalogModel, sha256, writeCatalog } from '../support/catalog.ts'
import { type StatusChange, startTestService } from '../support/service.ts'

// It waits between its tries, and the others fail meanwhile.
test.concurrent('a deployment whose INTERNAL_URL does not answer fails after its retries and names INTERNAL_URL', { timeout: 120_000 }, async ({
  onTestFinished,
}) => {
  const api = await startTestService({ INTERNAL_URL: 'http://127.0.0.1:9' }, onTestFinished)
  const last = await api.deploy()
  expect(last).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'VERIFYING', code: 'ENDPOINT_UNREACHABLE' } } })
  expect(last.message).toContain('INTERNAL_URL')
})

test.concurrent.for<[string, string, (acoustic: CatalogModel) => unknown]>([
  ['is missing', 'ARTIFACT_MISSING', (acoustic) => Object.assign(acoustic.files[0] as object, { sources: ['npm:no-such-package/encoder.onnx'] })],
  ['has another checksum', 'ARTIFACT_CHECKSUM_MISMATCH', (acoustic) => Object.assign(acoustic.files[0] as object, { sha256: 'a'.repeat(64) })],
  ['is longer than it should be', 'ARTIFACT_SIZE_MISMATCH', (acoustic) => Object.assign(acoustic.files[0] as object, { size: 1000 })],
  ['is shorter than it should be', 'ARTIFACT_SIZE_MISMATCH', (acoustic) => Object.assign(acoustic.files[0] as object, { size: 1e9 })],
])('a deployment whose model file %s fails in FETCHING with a message', async ([, code, change], { onTestFinished }) => {
  const api = await startTestService({ CATALOG: await writeCatalog(({ acoustic }) => change(acoustic)) }, onTestFinished)
  const last = await api.deploy()
  expect(last).toMatchObject({ status: 'FAILED', isTerminal: true, deployment: { endpoint: null, failure: { stage: 'FETCHING', code } } })
  expect(last.deployment.failure?.message).toContain('encoder')
})

test.concurrent('an invalid language model file fails the deployment in BUILDING', async ({ onTestFinished }) => {
  const catalog = await writeCatalog(async ({ language, dir }) => {
    const text = '{"format":"something else"}'
    await writeFile(join(dir, 'broken.json'), text)
    language.files = [{ name: 'writing', sources: ['file:broken.json'], sha256: await sha256(text), size: text.length }]
  })
  const last = await (await startTestService({ CATALOG: catalog }, onTestFinished)).deploy()
  expect(last).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'BUILDING', code: 'MODEL_UNUSABLE' } } })
})

test.concurrent('an invalid acoustic model file fails the deployment in LOADING, and the server continues', async ({ onTestFinished }) => {
  const catalog = await writeCatalog(async ({ acoustic, dir }) => {
    const noise = 'not an ONNX file'.repeat(100)
    await writeFile(join(dir, 'broken.onnx'), noise)
    acoustic.files[1] = { name: 'decoder', sources: ['file:broken.onnx'], sha256: await sha256(noise), size: noise.length }
  })
  const api = await startTestService({ CATALOG: catalog }, onTestFinished)
  expect(await api.deploy()).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'LOADING', code: 'MODEL_UNUSABLE' } } })
  expect(await api.deploy('CONVERSATIONAL')).toMatchObject({ status: 'COMPLETE' })
})

test.concurrent('a deployment whose endpoint returns another transcript does not become COMPLETE', async ({ onTestFinished }) => {
  const catalog = await writeCatalog(({ reference }) => {
    reference.text = 'Something else entirely was said in this recording.'
  })
  const last = await (await startTestService({ CATALOG: catalog }, onTestFinished)).deploy()
  expect(last).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'VERIFYING', code: 'TRANSCRIPT_WRONG' } } })
  expect(last.message).toContain('talked about the weather')
})

test('canceling takes effect within a second in every stage, and retries lead to COMPLETE', { timeout: 120_000 }, async () => {
  const api = await startTestService()
  const { deployment } = await api.create(await api.sampleInput('CONVERSATIONAL'))
  let before: StatusChange | undefined
  for (const stage of ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING', 'never']) {
    const seen: StatusChange[] = []
    let canceledAt = 0
    for await (const change of api.watch(deployment.id, { after: before?.cursor })) {
      seen.push(change)
      if (change.stage !== stage || canceledAt) continue
      canceledAt = performance.now()
      await api.ask('mutation ($id: ID!) { cancelDeployment(id: $id) { __typename } }', { id: deployment.id })
    }
    if (before) expect(seen[0]).toMatchObject({ status: 'QUEUED', previousStatus: 'CANCELED', sequence: before.sequence + 1 })
    before = seen.at(-1)
    if (stage === 'never') continue
    expect(performance.now() - canceledAt, stage).toBeLessThan(1000)
    expect(before, stage).toMatchObject({ status: 'CANCELED', stage: null })
    await api.ask('mutation ($id: ID!) { retryDeployment(id: $id) { __typename } }', { id: deployment.id })
  }
  expect(before).toMatchObject({ status: 'COMPLETE' })
})

test('deleting a deployment during provisioning ends its worker', async () => {
  const api = await startTestService()
  const { deployment } = await api.create(await api.sampleInput('CONVERSATIONAL'))
  const seen: StatusChange[] = []
  for await (const change of api.watch(deployment.id)) {
    seen.push(change)
    if (change.stage === 'LOADING' && seen.filter(({ stage }) => stage === 'LOADING').length === 1) {
      await api.ask('mutation ($id: ID!) { deleteDeployment(id: $id) { __typename } }', { id: deployment.id })
    }
  }
  expect(seen.at(-1)).toMatchObject({ status: 'DELETING', deployment: null })
  expect((await api.deploy('CONVERSATIONAL')).status).toBe('COMPLETE')
})
