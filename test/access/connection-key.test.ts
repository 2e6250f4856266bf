// The key of a socket in connection_init, with its name in many spellings.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dialWith } from '../support/graphql-socket.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

test.each<[string, (key: string) => unknown]>([
  ['authorization', (key) => ({ authorization: `Bearer ${key}` })],
  ['Authorization', (key) => ({ Authorization: `Bearer ${key}` })],
  ['AUTHORIZATION', (key) => ({ AUTHORIZATION: `bearer  ${key} ` })],
  ['headers with Authorization', (key) => ({ headers: { Authorization: `Bearer ${key}` } })],
  ['headers with authorization', (key) => ({ headers: { authorization: `BEARER ${key}`, 'x-client': 'tests' } })],
  ['Headers', (key) => ({ Headers: { AuthorizatioN: `Bearer ${key}` } })],
  ['an empty field beside the key', (key) => ({ authorization: '', headers: { Authorization: `Bearer ${key}` } })],
  ['a field of another type beside the key', (key) => ({ authorization: null, Authorization: `Bearer ${key}` })],
])('the server accepts a key in connection_init as: %s', async (_, payload) => {
  const socket = await dialWith(api, payload(api.key))
  await socket.next({ type: 'connection_ack' })
})

const missing = 'The key is missing. Send { "authorization": "Bearer <key>" } in connection_init.'
test.each<[string, unknown, string]>([
  ['no payload', undefined, missing],
  ['null', null, missing],
  ['another name', { token: 'Bearer x' }, missing],
  ['an object instead of text', { authorization: { Bearer: 'x' } }, missing],
  ['headers that are a list', { headers: ['Authorization', 'Bearer x'] }, missing],
  ['a key without Bearer', { Authorization: 'cs_key' }, 'Write "Bearer " before the key: { "authorization": "Bearer <key>" } in connection_init.'],
  ['an unknown key', { headers: { Authorization: 'Bearer cs_key' } }, 'This key is unknown, revoked or expired. Send another key in connection_init.'],
])('the server refuses connection_init with %s and names the correction', async (_, payload, reason) => {
  const socket = await dialWith(api, payload)
  expect(await socket.close()).toEqual({ code: 4403, reason })
})
