// One database and processes with a DATA_DIR of their own each, as on machines that share no disk.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { startService } from '../../src/main.ts'
import { baseAcousticFiles, bringModel, makeArchive } from '../support/acoustic-models.ts'
import { cardText, makeZip, modelsOf } from '../support/models.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { findFreePort } from '../support/program.ts'
import { cardRecordings, collect, createTestClient } from '../support/service.ts'
import { until } from '../support/until.ts'

const bootstrapKey = 'cs_separate_machines_of_a_test'

async function openHouse() {
  const database = await cloneDatabase(inject('postgresUrl'))
  const sql = postgres(database.url, { max: 1, onnotice: () => {} })
  onTestFinished(async () => {
    await sql.end()
    await database.drop()
  })
  const speechPort = String(await findFreePort())
  const publicUrl = `http://127.0.0.1:${speechPort}`
  const startMachine = async (roles: string, port = '0') => {
    const dataDir = await makeDirectory()
    const settings = { DATABASE_URL: database.url, DATA_DIR: dataDir, RECOGNIZERS: '1', LOG_LEVEL: 'error', BOOTSTRAP_KEY: bootstrapKey, PUBLIC_URL: publicUrl }
    const service = await startService(readConfig({ ...settings, ROLES: roles, PORT: port }))
    const client = createTestClient(service.localUrl, service.key)
    onTestFinished(async () => {
      await client.dispose()
      await service.close()
      await rm(dataDir, { recursive: true, force: true })
    })
    return { ...service, ...client, listFiles: () => readdir(join(dataDir, 'artifacts')) }
  }
  return { sql, speechPort, startMachine }
}

// The evaluation of a language model has a low priority, so that it takes long on a busy machine.
test('custom models are uploaded to one machine, made on another and served by each speech machine', { timeout: 300_000 }, async () => {
  const { sql, speechPort, startMachine } = await openHouse()
  const [api, jobs, speech, other] = await Promise.all([startMachine('api'), startMachine('jobs'), startMachine('speech', speechPort), startMachine('speech')])
  const models = modelsOf(api)
  const uploadOf = async (kind: string, body: string | Buffer<ArrayBuffer>) => (await (await models.upload(kind, body)).json()) as { id: string }
  const spoken = cardRecordings()
  const table = spoken.map(({ text }, n) => `${n}.wav\t${text}`).join('\n')
  const zip = makeZip({ 'table.tsv': table, ...Object.fromEntries(spoken.map(({ wav }, n) => [`${n}.wav`, wav])) })
  const [text, recordings] = [await uploadOf('text', cardText), await uploadOf('recordings', zip)]
  const { model: language } = await models.createLanguageModel({ uploadId: text.id, recordingsUploadId: recordings.id })
  const { encoder, decoder } = await baseAcousticFiles('SEARCH_AND_DICTATION')
  const archive = await makeArchive({ 'encoder_model.onnx': encoder as string, 'decoder_model_merged.onnx': decoder as string })
  const acoustic = await bringModel(models, archive)
  expect(acoustic.last).toMatchObject({ status: 'READY' })
  expect((await collect(models.watch(language.id))).at(-1)).toMatchObject({ status: 'READY' })

  const { deployment } = await api.create({ acousticModelId: acoustic.id, languageModelId: language.id })
  const last = (await collect(api.watch(deployment.id))).at(-1)
  expect(last).toMatchObject({ status: 'COMPLETE' })
  // The other machine fetches the files before its first request.
  await until(async () => {
    const [there, here] = [await other.listFiles(), await speech.listFiles()]
    return here.every((name) => there.includes(name))
  })
  expect(await jobs.listFiles()).not.toEqual([])
  // It passes files on and reads none.
  expect(await api.listFiles()).toEqual([])
  const { pathname, search } = new URL(last?.deployment.endpoint?.httpUrl ?? '')
  for (const machine of [speech, other]) {
    const answer = await machine.post(`${machine.localUrl}${pathname}${search}`, spoken[0]?.wav ?? '', { 'content-type': 'audio/wav' })
    expect(await answer.json()).toMatchObject({ RecognitionStatus: 'Success', DisplayText: expect.stringMatching(/\w/) })
  }

  // A machine without the files cannot serve when the database has lost them.
  await sql`delete from stored_files`
  const late = await startMachine('speech')
  const answer = await late.post(`${late.localUrl}${pathname}${search}`, spoken[0]?.wav ?? '', { 'content-type': 'audio/wav' })
  expect(answer.status).toBe(503)
  expect(JSON.stringify(await answer.json())).toMatch(/MODEL_UNUSABLE.*is not in the database/)
})
