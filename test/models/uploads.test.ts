import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeZip, modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let models: ReturnType<typeof modelsOf>
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_UPLOAD_MB: '3' })
  models = modelsOf(api)
})
afterAll(() => api?.close())

const send = async (kind: string, body: NonNullable<RequestInit['body']>, headers?: Record<string, string>) => {
  const response = await models.upload(kind, body, headers)
  return { status: response.status, ...((await response.json()) as Record<string, unknown>) } as Record<string, any>
}

test('an uploaded text has a SHA-256 and a number of lines, and the same text again, with gzip or without, is the same upload', async () => {
  const text = 'the four of clubs\n\nthe ace of spades\n'
  const sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('hex')
  const first = await send('text', text)
  expect(first).toMatchObject({ status: 201, kind: 'TEXT', sizeBytes: text.length, sha256, lines: 3, skippedLines: 1 })
  expect((await send('text', Buffer.from(gzipSync(text)))).id).toBe(first.id)
  const { model } = await models.createLanguageModel({ uploadId: first.id })
  expect(model.status).toBe('QUEUED')
})

test('a refused text names at most ten invalid lines', async () => {
  const answer = await send('text', Buffer.concat([Buffer.from('fine\n'), Buffer.from([0xff, 0x0a]), Buffer.from('a\0b\n')]))
  expect(answer).toMatchObject({ status: 422, code: 'TEXT_UNUSABLE' })
  expect(answer.problems).toEqual([expect.stringMatching(/^line 2 is not UTF-8/), expect.stringMatching(/^line 3 contains control characters/)])
  const hopeless = await send('text', Buffer.alloc(2_000_000, Buffer.from([0xff, 0x0a])))
  expect(hopeless.problems).toHaveLength(11)
  expect(hopeless.problems.at(-1)).toBe('and later lines were not checked')
})

test.each([
  ['no bytes', 'text', '', 400, 'EMPTY_UPLOAD'],
  ['a text without a word', 'text', '\n--\n', 422, 'TEXT_UNUSABLE'],
  ['too many bytes', 'text', 'word '.repeat(700_000), 413, 'UPLOAD_TOO_LARGE'],
  ['too many unpacked bytes', 'text', Buffer.from(gzipSync('word\n'.repeat(2_000_000))), 413, 'UPLOAD_TOO_LARGE'],
  ['a cut gzip', 'text', Buffer.from(gzipSync('word\n'.repeat(1000))).subarray(0, 40), 400, 'UPLOAD_DAMAGED'],
  ['text instead of a zip', 'recordings', 'word', 415, 'NOT_A_ZIP'],
  ['text instead of an archive', 'acoustic-model', 'word', 415, 'NOT_A_TGZ'],
  ['an unknown kind', 'toString', 'word', 400, 'UNKNOWN_KIND'],
])('the server refuses an upload with %s', async (_, kind, body, status, code) => {
  expect(await send(kind, body)).toMatchObject({ status, code })
})

test('the server refuses an upload without a MANAGE key before its body', async () => {
  expect(await send('text', 'word', { authorization: '' })).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  const { data } = await api.ask('mutation { createKey(input: { name: "reader", scopes: [READ] }) { ... on CreateKeySuccess { secret } } }')
  expect(await send('text', 'word', { authorization: `Bearer ${data?.createKey.secret}` })).toMatchObject({ status: 403, code: 'SCOPE_MISSING' })
  expect(await fetch(`${api.localUrl}/uploads`).then(({ status }) => status)).toBe(405)
})

test('an interrupted upload leaves no file, and the next one succeeds', async () => {
  const socket = connect(Number(new URL(api.localUrl).port), '127.0.0.1')
  socket.write(`PUT /uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\nContent-Length: 1000000\r\n\r\n${'word\n'.repeat(1000)}`)
  await new Promise((sent) => setTimeout(sent, 200))
  socket.destroy()
  expect(await send('text', 'after the break\n')).toMatchObject({ status: 201 })
})

test('models do not find uploads of other workspaces or kinds', async () => {
  const { id } = await send('recordings', makeZip({ 'a.tsv': 'a.wav\tword' }))
  expect(await models.createLanguageModel({ uploadId: id })).toMatchObject({ code: 'UPLOAD_NOT_FOUND', path: 'uploadId' })
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret } } }')
  const stranger = api.as(data?.createWorkspace.secret)
  const own = await send('text', 'word\n')
  expect(await modelsOf({ ...api, ...stranger }).createLanguageModel({ uploadId: own.id })).toMatchObject({ code: 'UPLOAD_NOT_FOUND' })
  await stranger.dispose()
})
