// Quotas hold under parallel requests, and preflight agrees with create.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../support/service.ts'
import { diskBytes, openQuotaService, openWorkspace, quota, words } from './quotas.ts'

let api: Service
beforeAll(async () => {
  api = await openQuotaService()
})
afterAll(() => api?.close())

const parallel = async <T>(make: (n: number) => Promise<T>) => Promise.all(Array.from({ length: 4 * quota }, (_, n) => make(n)))

describe('parallel creations', () => {
  test('parallel requests create keys up to the quota', async () => {
    const { ask, limits } = await openWorkspace(api)
    const created = await parallel(async () => (await ask('mutation { createKey(input: { name: "k", scopes: [READ] }) { __typename } }')).data?.createKey)
    // The first key of the workspace is one of them.
    expect(created.filter(({ __typename }) => __typename === 'CreateKeySuccess')).toHaveLength(quota - 1)
    expect(created.filter(({ __typename }) => __typename === 'QuotaExceededError')).toHaveLength(3 * quota + 1)
    expect((await limits()).keys.used).toBe(quota)
  })

  test('parallel requests create deployments up to the quota, and preflight agrees', async () => {
    const { ask, create, sampleInput, limits } = await openWorkspace(api)
    const preflight = async () => {
      const query = `query ($input: CreateDeploymentInput!) { deploymentPreflight(input: $input) { ok problems { __typename ... on QuotaExceededError { limit used } } } }`
      return (await ask(query, { input: await sampleInput() })).data?.deploymentPreflight
    }
    expect(await preflight()).toEqual({ ok: true, problems: [] })
    const created = await parallel(async () => create(await sampleInput()))
    expect(created.filter(({ __typename }) => __typename === 'CreateDeploymentSuccess')).toHaveLength(quota)
    expect(created.filter(({ code }) => code === 'QUOTA_EXCEEDED')).toHaveLength(3 * quota)
    expect((await limits()).deployments.used).toBe(quota)
    expect(await preflight()).toEqual({ ok: false, problems: [{ __typename: 'QuotaExceededError', limit: quota, used: quota }] })
  })

  test('parallel requests create models up to the quota', async () => {
    const { models, limits } = await openWorkspace(api)
    const created = await parallel((n) => models.createLanguageModel({ text: `word ${n}` }))
    expect(created.filter(({ __typename }) => __typename === 'CreateLanguageModelSuccess')).toHaveLength(quota)
    expect(created.filter(({ code }) => code === 'QUOTA_EXCEEDED')).toHaveLength(3 * quota)
    expect((await limits()).models.used).toBe(quota)
  })

  test('parallel requests store uploads up to the quota', async () => {
    const { upload, limits } = await openWorkspace(api)
    const sent = await parallel((n) => upload(`word ${n}\n`))
    expect(sent.filter(({ status }) => status === 201)).toHaveLength(quota)
    expect(sent.filter(({ code }) => code === 'UPLOAD_LIMIT')).toHaveLength(3 * quota)
    expect((await limits()).uploads.used).toBe(quota)
  })

  test('parallel uploads stop at the disk quota', async () => {
    const { upload, limits } = await openWorkspace(api)
    const sent = await parallel(() => upload(words(400_000)))
    expect(sent.filter(({ status }) => status === 201)).toHaveLength(2)
    expect((await limits()).disk).toEqual({ limitBytes: diskBytes, usedBytes: 800_000, unusedUploadBytes: 800_000 })
  })

  test('parallel language models with text stop at the disk quota', async () => {
    const { models, limits } = await openWorkspace(api)
    const created = await parallel(() => models.createLanguageModel({ text: words(400_000) }))
    expect(created.filter(({ __typename }) => __typename === 'CreateLanguageModelSuccess')).toHaveLength(2)
    expect(created.filter(({ __typename }) => __typename === 'DiskQuotaExceededError')).toHaveLength(4 * quota - 2)
    expect((await limits()).disk).toMatchObject({ usedBytes: 800_000, unusedUploadBytes: 0 })
  })
})

test('viewer.limits returns every limit in one cheap query', async () => {
  const { ask } = await openWorkspace(api)
  const { data, errors } = await ask(`{ viewer { limits {
    pageSize operationCost operationDepth streamsPerKey subscriptionsPerSocket
    upload { bytes atOnce }
    speech { sessions sessionsPerKey sessionsPerDeployment shortAudioSeconds transcriptionSeconds transcriptionBytes }
    document { requestBytes socketMessageBytes selections aliases directives repeats introspectionFields introspectionDepth nodes }
    mutations { key { limit } workspace { limit } }
  } } }`)
  expect(errors).toBeUndefined()
  expect(data?.viewer.limits).toMatchObject({
    upload: { bytes: 5_000_000, atOnce: 8 },
    speech: {
      sessions: 500,
      sessionsPerKey: 500,
      sessionsPerDeployment: 500,
      shortAudioSeconds: 60,
      transcriptionSeconds: 900,
      transcriptionBytes: 26_214_400,
    },
    document: {
      requestBytes: 2_097_152,
      socketMessageBytes: 262_144,
      selections: 1000,
      aliases: 100,
      directives: 50,
      repeats: 20,
      introspectionDepth: 20,
      nodes: 100,
    },
    mutations: { key: { limit: 600 }, workspace: { limit: 1200 } },
  })
  expect(data?.viewer.limits.document.introspectionFields).toBeGreaterThan(1000)
})
