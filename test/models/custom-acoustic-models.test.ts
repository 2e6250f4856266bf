import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { baseAcousticFiles, bringModel, makeArchive } from '../support/acoustic-models.ts'
import { modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { collect, openTestService, type Service } from '../support/service.ts'

let api: Service
let models: ReturnType<typeof modelsOf>
beforeAll(async () => {
  api = await openTestService()
  models = modelsOf(api)
})
afterAll(() => api?.close())

describe('an acoustic model', () => {
  test('an acoustic model is unpacked, compared with its base model, tested and deployed', { timeout: 120_000 }, async () => {
    const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
    const { id, last, found } = await bringModel(models, await makeArchive({ 'encoder_model.onnx': encoder, 'decoder_model_merged.onnx': decoder }))
    expect(last).toMatchObject({ status: 'READY', message: expect.stringMatching(/talked about the weather/) })
    expect(found.source).toMatch(/^upload [0-9a-f]{64}$/)
    const { deployment } = await api.create({ acousticModelId: id })
    expect((await collect(api.watch(deployment.id))).at(-1)).toMatchObject({ status: 'COMPLETE' })
  })

  test('a model whose shape differs from its base model fails with both shapes', { timeout: 120_000 }, async () => {
    const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
    const { found } = await bringModel(models, await makeArchive({ 'encoder_model.onnx': encoder, 'decoder_model_merged.onnx': decoder }), 'CONVERSATIONAL')
    expect(found).toMatchObject({
      status: 'FAILED',
      failure: { stage: 'CHECKING', code: 'MODEL_SHAPE_MISMATCH', message: expect.stringMatching(/has 6 layers, but its base model .* has 8/) },
    })
  })

  test('a model with swapped, missing or damaged files fails with a message, and the server continues', { timeout: 180_000 }, async () => {
    const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
    const swapped = await bringModel(models, await makeArchive({ 'encoder_model.onnx': decoder, 'decoder_model_merged.onnx': encoder }))
    expect(swapped.found.failure).toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringMatching(/the encoder has the inputs .* instead of input_values/),
    })
    const missing = await bringModel(models, await makeArchive({ 'encoder_model.onnx': encoder }))
    expect(missing.found.failure).toMatchObject({ code: 'ARCHIVE_INCOMPLETE', message: expect.stringMatching(/decoder_model_merged\.onnx/) })
    const dir = await makeDirectory()
    onTestFinished(() => rm(dir, { recursive: true, force: true }))
    const poison = Buffer.concat([(await readFile(decoder)).subarray(0, 9_000_000), Buffer.alloc(1_000_000, 0x5a)])
    await writeFile(join(dir, 'poison'), poison)
    const damaged = await bringModel(models, await makeArchive({ 'encoder_model.onnx': encoder, 'decoder_model_merged.onnx': join(dir, 'poison') }))
    expect(damaged.found.failure).toMatchObject({ stage: 'CHECKING', code: 'MODEL_UNUSABLE' })
    const other = await bringModel(
      models,
      await makeArchive({ 'encoder_model.onnx': encoder, 'decoder_model_merged.onnx': resolve(import.meta.dirname, '../../README.md') }),
    )
    expect(other.found.failure).toMatchObject({ code: 'MODEL_UNUSABLE', message: expect.stringMatching(/the decoder is not an ONNX file/) })
    const cut = (await makeArchive({ 'encoder_model.onnx': encoder })).subarray(0, 1_000_000)
    expect((await bringModel(models, cut)).found.failure).toMatchObject({ code: 'ARCHIVE_UNUSABLE' })
  })

  test('a model from a package without its files or from a private network fails with a message', { timeout: 120_000 }, async () => {
    const { model } = await models.createAcousticModel({ source: { npmPackage: 'empty-npm-package@1.0.0' } })
    expect((await collect(models.watch(model.id))).at(-1)).toMatchObject({ status: 'FAILED', message: expect.stringMatching(/has no file encoder_model.onnx/) })
    const inside = await models.createAcousticModel({ source: { httpsUrl: 'https://127.0.0.1/model.tgz' } })
    expect((await collect(models.watch(inside.model.id))).at(-1)).toMatchObject({
      status: 'FAILED',
      message: expect.stringMatching(/private or reserved network/),
    })
    expect(await models.createAcousticModel({ source: { npmPackage: 'no version' } })).toMatchObject({ fieldErrors: [{ path: 'source.npmPackage' }] })
    for (const userinfo of ['user:secret', 'user', ':secret'])
      expect(await models.createAcousticModel({ source: { httpsUrl: `https://${userinfo}@example.org/model.tgz` } })).toMatchObject({
        fieldErrors: [{ path: 'source.httpsUrl', message: expect.stringMatching(/must not contain a user name or a password/) }],
      })
  })
})
