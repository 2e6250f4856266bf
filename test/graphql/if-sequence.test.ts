// updateModel does not overwrite a change that the caller has not read.
import { expect, test } from 'vitest'
import { modelsOf } from '../support/models.ts'
import { startTestService } from '../support/service.ts'

test('updateModel with an old ifSequence changes nothing and returns the current model', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const { model } = await modelsOf(api).createLanguageModel({ text: 'a' })
  const update = async (input: object) => {
    const { data } = await api.ask(
      `mutation ($input: UpdateModelInput!) { updateModel(input: $input) { __typename ... on UpdateModelSuccess { model { name sequence } }
        ... on ModelSequenceMismatchError { code path message model { name sequence } } } }`,
      { input: { id: model.id, ...input } },
    )
    return data?.updateModel
  }
  expect(await update({ name: 'First', ifSequence: 1 })).toEqual({ __typename: 'UpdateModelSuccess', model: { name: 'First', sequence: 2 } })
  expect(await update({ name: 'Second', ifSequence: 1 })).toEqual({
    __typename: 'ModelSequenceMismatchError',
    code: 'MODEL_SEQUENCE_MISMATCH',
    path: 'ifSequence',
    message: expect.stringContaining('2'),
    model: { name: 'First', sequence: 2 },
  })
  // Even an update without changes is refused, because the caller has read an older version.
  expect(await update({ name: 'First', ifSequence: 1 })).toMatchObject({ code: 'MODEL_SEQUENCE_MISMATCH' })
  expect(await update({ name: 'Third' })).toMatchObject({ model: { name: 'Third', sequence: 3 } })
  const { data } = await api.ask('{ models(where: { isBase: true }, first: 1) { nodes { sequence } } }')
  expect(data?.models.nodes).toEqual([{ sequence: 0 }])
})
