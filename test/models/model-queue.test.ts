// Who waits for whom when many models are to be built.
import { expect, test } from 'vitest'
import { startInstallation } from '../faults/roles.ts'
import { modelsOf } from '../support/models.ts'

test('the queue alternates between workspaces, and builds the models of one workspace in their order', { timeout: 120_000 }, async () => {
  const api = await startInstallation()
  const other = await api.newWorkspace()
  const crowd: string[] = []
  for (let n = 0; n < 10; n++) crowd.push((await modelsOf(api).createLanguageModel({ text: 'a game of cards' })).model.id)
  const late = (await modelsOf({ ...api, ...other }).createLanguageModel({ text: 'a game of cards' })).model.id
  const position = async (client: Pick<typeof api, 'ask'>, id: string) =>
    (await client.ask('query ($id: ID!) { model(id: $id) { queuePosition } }', { id })).data?.model.queuePosition
  expect(await Promise.all(crowd.map((id) => position(api, id)))).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(await position(other, late)).toBe(1)
  // Another kind of model waits for other workers.
  const { model } = await modelsOf(api).createAcousticModel({ source: { npmPackage: 'none@1.0.0' } })
  expect(await position(api, model.id)).toBe(0)

  await api.startWorker({ RECOGNIZERS: '1' })
  const begun = () => api.sql`select model_id as id from model_events where previous_status = 'QUEUED' and kind = 'LANGUAGE' order by occurred_at`
  await expect.poll(async () => (await begun()).length, { timeout: 60_000 }).toBeGreaterThanOrEqual(4)
  const uuids = [crowd[0], late, crowd[1], crowd[2]].map(
    (id) =>
      Buffer.from(id ?? '', 'base64')
        .toString()
        .split(':')[1],
  )
  expect((await begun()).slice(0, 4).map(({ id }) => id)).toEqual(uuids)
  expect(await position(api, crowd[0] ?? '')).toBeNull()
})

test('a retried model gets a queue position after the waiting models', async () => {
  const api = await startInstallation()
  const models = modelsOf(api)
  const [first, second] = [(await models.createLanguageModel({ text: 'one' })).model.id, (await models.createLanguageModel({ text: 'two' })).model.id]
  await models.cancel(first)
  await models.retry(first)
  const { data } = await api.ask('{ models(where: { isBase: false }) { nodes { id queuePosition } } }')
  expect(new Map(data?.models.nodes.map(({ id, queuePosition }: { id: string; queuePosition: number }) => [id, queuePosition]))).toEqual(
    new Map([
      [first, 1],
      [second, 0],
    ]),
  )
})
