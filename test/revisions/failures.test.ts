import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modelsOf } from '../support/models.ts'
import { collect, openTestService, referenceRecording, type Service, uuidOf } from '../support/service.ts'
import { pairOf, revisionsOf } from './client.ts'

let api: Service
let revisions: ReturnType<typeof revisionsOf>
let models: ReturnType<typeof modelsOf>
let sql: ReturnType<typeof postgres>
beforeAll(async () => {
  api = await openTestService()
  revisions = revisionsOf(api)
  models = modelsOf(api)
  sql = postgres(api.databaseUrl, { max: 1 })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

async function createWords() {
  const { model } = await models.createLanguageModel({ text: 'the four of clubs\nthe queen of hearts' })
  await collect(models.watch(model.id))
  return model.id as string
}

test('a revision that fails leaves the deployment serving, and says why', async () => {
  const { deployment } = await api.deploy()
  const languageModelId = await createWords()
  await sql`update models set files = (select jsonb_agg(file || '{"sha256":"00","sources":["store:00"]}') from jsonb_array_elements(files) as file) where id = ${uuidOf(languageModelId)}`
  const { acousticModelId } = await pairOf(api, 'SEARCH_AND_DICTATION')
  await revisions.redeploy(deployment.id, { acousticModelId, languageModelId })
  const last = (await collect(api.watch(deployment.id))).at(-1)
  expect(last).toMatchObject({ status: 'COMPLETE', isTerminal: true, deployment: { status: 'COMPLETE', failure: null } })
  const after = await revisions.read(deployment.id)
  expect(after).toMatchObject({ pendingRevision: null, isServing: true, currentRevision: { number: 1 } })
  expect(after['revisions'].nodes[0]).toMatchObject({ number: 2, status: 'FAILED', failure: { stage: 'FETCHING', code: expect.any(String) }, isTerminal: true })
  expect(after['timeline'].nodes.at(-1).revision).toMatchObject({ number: 2, status: 'FAILED', currentNumber: 1, isCurrent: false })
  expect((await api.post(deployment.endpoint?.httpUrl ?? '', referenceRecording())).headers.get('x-revision')).toBe('1')
})

test('a model that an old revision holds cannot be deleted, and the refusal names the revision', async () => {
  const languageModelId = await createWords()
  const pair = await pairOf(api, 'SEARCH_AND_DICTATION')
  const { deployment } = await api.create({ ...pair, languageModelId })
  await collect(api.watch(deployment.id))
  await revisions.redeploy(deployment.id, pair)
  await collect(api.watch(deployment.id))
  expect((await revisions.read(deployment.id))['currentRevision']).toMatchObject({ number: 2 })
  expect(await models.delete(languageModelId)).toMatchObject({
    __typename: 'ModelInUseError',
    message: `A deployment uses the model: revision 1 of "${deployment.name}". Delete the deployment first.`,
    deployments: [{ name: deployment.name }],
  })
  await api.act('deleteDeployment', deployment.id)
  expect(await models.delete(languageModelId)).toMatchObject({ __typename: 'DeleteModelSuccess' })
})

test('deleting a deployment ends its pending revision and the watch', async () => {
  const { deployment } = await api.deploy()
  await revisions.redeploy(deployment.id)
  const watched = collect(api.watch(deployment.id))
  await api.act('deleteDeployment', deployment.id)
  expect((await watched).at(-1)).toMatchObject({ status: 'DELETING', isTerminal: true })
  expect(await sql`select from deployment_revisions where deployment_id = ${uuidOf(deployment.id)}`).toHaveLength(0)
})

test('a deployment keeps 100 revisions: those that were never proved go first', async () => {
  const { deployment } = await api.deploy()
  const id = uuidOf(deployment.id)
  await revisions.redeploy(deployment.id)
  await collect(api.watch(deployment.id))
  await sql`insert into deployment_revisions (workspace_id, deployment_id, number, acoustic_model_id, language_model_id, note, status)
    select workspace_id, id, n, acoustic_model_id, language_model_id, '', (case when n % 2 = 0 then 'COMPLETE' else 'FAILED' end)::revision_status
    from deployments, generate_series(3, 100) as n where id = ${id}`
  await sql`update deployments set last_revision = 100 where id = ${id}`
  await revisions.redeploy(deployment.id)
  const kept = (await sql`select number from deployment_revisions where deployment_id = ${id} order by number`).map(({ number }) => number)
  expect(kept).toHaveLength(100)
  expect(kept).toEqual([1, 2, ...Array.from({ length: 98 }, (_, n) => n + 4)])
})
