import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cardLines, cardText, makeZip, modelsOf } from '../support/models.ts'
import { cardRecordings, collect, openTestService, type Service, startTestService } from '../support/service.ts'

let api: Service
let models: ReturnType<typeof modelsOf>
beforeAll(async () => {
  api = await openTestService()
  models = modelsOf(api)
})
afterAll(() => api?.close())

describe('a language model', () => {
  test('a language model is trained with status events, improves recognition, and writes pronunciations as requested', { timeout: 120_000 }, async () => {
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

  test('a language model is evaluated on its recordings, of which half choose the weight', { timeout: 180_000 }, async () => {
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

  test('a deployment refuses a model that is not READY and names the subscription to wait with', async () => {
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

  test('a model that no process trains fails at its deadline', async () => {
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
  ])('createLanguageModel refuses %s and names the field', async (_, input, path) => {
    expect(await models.createLanguageModel(input)).toMatchObject({ code: 'VALIDATION_FAILED', fieldErrors: [{ path }] })
  })

  test('createLanguageModel refuses unknown uploads and base models, duplicate names, exceeded quotas and keys without MANAGE', async () => {
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

  test('repeated requests with one idempotency key create one model', async () => {
    const idle = await startTestService({ ROLES: 'api' })
    const own = modelsOf(idle)
    const input = { name: 'Cards', text: cardText, phrases: ['four of clubs'], idempotencyKey: 'cards-1' }
    const made = await Promise.all(Array.from({ length: 10 }, () => own.createLanguageModel(input)))
    expect(new Set(made.map(({ model }) => model.id)).size).toBe(1)
    const conflict = { __typename: 'IdempotencyConflictError', code: 'IDEMPOTENCY_CONFLICT', path: 'idempotencyKey' }
    expect(await own.createLanguageModel({ ...input, phrases: ['ace of clubs'] })).toMatchObject(conflict)
    // A key stands for one request of any kind.
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

  test('updateModel changes name and description, and another workspace does not find the model', async () => {
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

  test('a deleted model leaves its log for resumed subscriptions, and new subscriptions do not find it', async () => {
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

  test('canceling stops the training on a large upload within a second, and a retry completes', { timeout: 120_000 }, async () => {
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

  test('a killed training process causes another try, with a message', { timeout: 120_000 }, async () => {
    const upload = (await (await models.upload('text', Buffer.from(`${cardText}\n`.repeat(800)))).json()) as { id: string }
    const { model } = await models.createLanguageModel({ uploadId: upload.id })
    const seen: string[] = []
    let last: string | undefined
    for await (const change of models.watch(model.id)) {
      last = change.status
      if (change.progress > 0.02 && seen.length === 0 && (await killTrainer())) seen.push('killed')
      if (/Try 1 of 5 failed/.test(change.message)) seen.push(change.message)
    }
    expect(seen).toEqual(['killed', expect.stringMatching(/The process of this stage crashed/)])
    expect(last).toBe('READY')
  })

  /** True when a trainer process was killed. */
  async function killTrainer(): Promise<boolean> {
    const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    for (const pid of children.trim().split(' ')) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      if (command.includes('trainer.process.ts')) return process.kill(Number(pid), 'SIGKILL')
    }
    return false
  }
})
