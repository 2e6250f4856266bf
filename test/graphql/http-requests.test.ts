// Malformed and forged HTTP requests.
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

const raw = (options: object, body?: string | Buffer) =>
  new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }>((answered, failed) => {
    const request = httpRequest(`${api.url}/graphql`, { method: 'POST', ...options }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => answered({ status: response.statusCode, headers: response.headers, body: text }))
    })
    request.on('error', failed)
    request.end(body)
  })
const authorization = () => `Bearer ${api.key}`

test('a body of 3 MB is refused', async () => {
  const body = JSON.stringify({ query: '{ __typename }', pad: 'x'.repeat(3_000_000) })
  const answer = await raw({ headers: { authorization: authorization(), 'content-type': 'application/json', 'content-length': body.length } }, body).catch(
    (error) => ({ status: error.code }),
  )
  expect([413, 'ECONNRESET', 'EPIPE']).toContain(answer.status)
})

test('JSON with 50,000 nested lists causes no internal error', async () => {
  const deep = `{"query":"query ($id: ID!) { node(id: $id) { id } }","variables":{"id":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`
  const answer = await raw({ headers: { authorization: authorization(), 'content-type': 'application/json' } }, deep)
  expect(answer.status).toBeGreaterThanOrEqual(200)
  expect(answer.status).toBeLessThan(500)
  expect(answer.body).not.toContain('INTERNAL_SERVER_ERROR')
})

test('the server answers other clients after a client disconnects while sending its body', async () => {
  for (let n = 0; n < 5; n++) {
    const request = httpRequest(`${api.url}/graphql`, {
      method: 'POST',
      headers: { authorization: authorization(), 'content-type': 'application/json', 'content-length': 1000 },
    })
    request.on('error', () => {})
    request.write('{"que')
    await new Promise((resolve) => setTimeout(resolve, 50))
    request.destroy()
  }
  expect((await api.ask('{ locales { code } }')).errors).toBeUndefined()
})

test('an array of operations is refused', async () => {
  const answer = await raw(
    { headers: { authorization: authorization(), 'content-type': 'application/json' } },
    JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
  )
  expect(answer.status).toBe(400)
})

test.each([
  ['a form', 'application/x-www-form-urlencoded', 'query=mutation{deleteDeployment(id:"x"){__typename}}'],
  ['plain text', 'text/plain', '{"query":"mutation{deleteDeployment(id:\\"x\\"){__typename}}"}'],
  ['a multipart form', 'multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"{__typename}"}\r\n--b--'],
])('%s from another origin is refused with 401, because the request cannot contain the key', async (_, type, body) => {
  const answer = await raw({ headers: { origin: 'https://evil.example', 'content-type': type } }, body)
  expect(answer.status).toBe(401)
  expect(answer.headers['access-control-allow-origin']).toBeUndefined()
})

test('a mutation over GET is refused, and other origins get no CORS headers', async () => {
  const response = await fetch(`${api.url}/graphql?query=${encodeURIComponent('mutation { cancelDeployment(id: "x") { __typename } }')}`, {
    headers: { authorization: authorization() },
  })
  expect(response.status).toBe(405)
  const preflight = await fetch(`${api.url}/graphql`, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  })
  expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
})

test('with GraphiQL off, the server has no GraphiQL page, no introspection and no suggestions of names', async () => {
  const closed = await openTestService({ ROLES: 'api', GRAPHIQL: 'off' })
  expect((await fetch(`${closed.url}/graphql`, { headers: { accept: 'text/html' } })).headers.get('content-type') ?? '').not.toContain('text/html')
  expect((await closed.ask('{ __schema { types { name } } }')).errors?.[0]?.message).toContain('switched off')
  const asPage = await fetch(`${closed.url}/graphql?query=${encodeURIComponent('{ __typename }')}`, { headers: { accept: 'text/html, application/json' } })
  expect(asPage.status).toBe(401)
  expect((await closed.ask('{ deploymentz { id } }')).errors?.[0]?.message).not.toContain('Did you mean')
  expect((await closed.ask('{ locales { code } }')).errors).toBeUndefined()
  await closed.close()
})
