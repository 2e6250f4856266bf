// Uploads can be listed, deleted and sent again, and only unused ones count against the limit.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let models: ReturnType<typeof modelsOf>
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_UPLOADS: '3', MAX_MODELS: '5' })
  models = modelsOf(api)
})
afterAll(() => api.close())

const send = async (text: string) => {
  const response = await models.upload('text', text)
  return { status: response.status, ...((await response.json()) as Record<string, unknown>) } as Record<string, any>
}
const limits = async () =>
  (await api.ask('{ viewer { limits { uploads { limit used } models { limit used } deployments { limit used } keys { limit used } } } }')).data?.viewer.limits
const list = async () =>
  (await api.ask('{ uploads { totalCount nodes { id kind sizeBytes sha256 lines skippedLines isUsed createdAt expiresAt } } }')).data?.uploads
const remove = async (id: string) =>
  (await api.ask('mutation ($id: ID!) { deleteUpload(id: $id) { __typename ... on DeleteUploadSuccess { deletedId } ... on Error { code path } } }', { id }))
    .data?.deleteUpload

test('the upload limit counts unused files and accepts a file that the workspace already has', async () => {
  const first = await send('one\n')
  const second = await send('two\n')
  expect((await limits()).uploads).toEqual({ limit: 3, used: 2 })
  await send('three\n')
  expect(await send('four\n')).toMatchObject({ status: 429, code: 'UPLOAD_LIMIT', detail: expect.stringContaining('deleteUpload') })
  expect(await send('one\n')).toMatchObject({ status: 201, id: first.id })
  // A used upload does not count any more, and can be used again.
  expect(await models.createLanguageModel({ uploadId: first.id })).toHaveProperty('model')
  expect(await models.createLanguageModel({ uploadId: first.id })).toHaveProperty('model')
  expect((await limits()).uploads).toEqual({ limit: 3, used: 2 })
  expect((await limits()).models).toEqual({ limit: 5, used: 2 })
  expect(await send('four\n')).toMatchObject({ status: 201 })
  // A deleted one makes room, and comes again as another one.
  expect(await remove(second.id)).toEqual({ __typename: 'DeleteUploadSuccess', deletedId: second.id })
  expect(await remove(second.id)).toEqual({ __typename: 'UploadNotFoundError', code: 'UPLOAD_NOT_FOUND', path: 'id' })
  const again = await send('two\n')
  expect(again).toMatchObject({ status: 201, sha256: second.sha256 })
  expect(again.id).not.toBe(second.id)
})

test('the list of uploads is sorted newest first, and an upload is found by its id', async () => {
  const uploads = await list()
  expect(uploads.totalCount).toBe(4)
  expect(uploads.nodes[0]).toMatchObject({ kind: 'TEXT', sizeBytes: 4, lines: 1, skippedLines: 0, isUsed: false })
  expect(uploads.nodes.at(-1)).toMatchObject({ isUsed: true, sizeBytes: 4 })
  const { data } = await api.ask('query ($id: ID!) { node(id: $id) { __typename ... on Upload { sha256 } } }', { id: uploads.nodes[0].id })
  expect(data?.node).toEqual({ __typename: 'Upload', sha256: uploads.nodes[0].sha256 })
})

test('deleteUpload refuses keys of other workspaces and keys without MANAGE', async () => {
  const [upload] = (await list()).nodes
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret } } }')
  const made = await api.ask('mutation { createKey(input: { name: "reader", scopes: [READ] }) { ... on CreateKeySuccess { secret } } }')
  for (const [secret, code] of [
    [data?.createWorkspace.secret, 'UPLOAD_NOT_FOUND'],
    [made.data?.createKey.secret, 'NOT_AUTHORIZED'],
  ]) {
    const other = api.as(secret)
    const answer = await other.ask('mutation ($id: ID!) { deleteUpload(id: $id) { ... on Error { code } } }', { id: upload.id })
    expect(answer.data?.deleteUpload.code).toBe(code)
    await other.dispose()
  }
  expect((await list()).totalCount).toBe(4)
})
