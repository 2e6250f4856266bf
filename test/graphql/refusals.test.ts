// Refused HTTP requests: each refusal has a message, a code and the CORS headers of the origin.
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

const allowed = ['https://app.example', 'http://localhost:3000']
let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', ALLOWED_ORIGINS: `${allowed[0]}/,${allowed[1]}`, MAX_SOCKETS_PER_KEY: '1' })
})
afterAll(() => api.close())

interface Sent {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string | Buffer
}

const send = ({ method = 'POST', path = '/graphql', headers = {}, body = '' }: Sent) =>
  new Promise<{ status: number; headers: Record<string, any>; body: string }>((answered, failed) => {
    const authorization = `Bearer ${api.key}`
    const all = Object.fromEntries(Object.entries({ authorization, 'content-type': 'application/json', ...headers }).filter(([, value]) => value !== ''))
    const sent = httpRequest(`${api.url}${path}`, { method, headers: all }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => answered({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    sent.on('error', failed)
    sent.end(body)
  })
const json = (value: object) => JSON.stringify(value)
const locales = json({ query: '{ locales { code } }' })
const problem = (body: string) => JSON.parse(body).errors[0] as { message: string; extensions: { code: string } }

const watching = json({ query: 'subscription { deploymentStatusChanged { __typename } }' })

describe('refusals', () => {
  test.each<[string, Sent, number, string, RegExp]>([
    ['another method', { method: 'PUT', body: locales }, 405, 'METHOD_NOT_ALLOWED', /POST/],
    [
      'a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'query={locales{code}}' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /application\/json/,
    ],
    ['no content type', { headers: { 'content-type': '' }, body: locales }, 415, 'UNSUPPORTED_MEDIA_TYPE', /application\/json/],
    ['another charset', { headers: { 'content-type': 'application/json; charset=utf-16' }, body: locales }, 415, 'UNSUPPORTED_MEDIA_TYPE', /UTF-8/],
    ['a compressed body', { headers: { 'content-encoding': 'gzip' }, body: gzipSync(locales) }, 415, 'UNSUPPORTED_ENCODING', /gzip.*uncompressed/],
    ['an unsupported media type in Accept', { headers: { accept: 'image/png' }, body: locales }, 406, 'NOT_ACCEPTABLE', /Accept/],
    [
      'only multipart/mixed in Accept',
      { headers: { accept: 'multipart/mixed;boundary="graphql"' }, body: watching },
      406,
      'NOT_ACCEPTABLE',
      /text\/event-stream/,
    ],
    ['a subscription as JSON', { headers: { accept: 'application/json' }, body: watching }, 406, 'NOT_ACCEPTABLE', /text\/event-stream/],
    [
      'a subscription as multipart/mixed or JSON',
      { headers: { accept: 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json' }, body: watching },
      406,
      'NOT_ACCEPTABLE',
      /WebSocket/,
    ],
    ['events excluded by q=0', { headers: { accept: 'application/json, text/event-stream;q=0' }, body: watching }, 406, 'NOT_ACCEPTABLE', /WebSocket/],
    ['a body that is not JSON', { body: '{' }, 400, 'BAD_REQUEST', /JSON/],
    ['an empty body', { body: '' }, 400, 'BAD_REQUEST', /JSON/],
    ['broken variables by GET', { method: 'GET', path: '/graphql?query={locales{code}}&variables=%7B' }, 400, 'BAD_REQUEST', /variables is not JSON/],
    ['variables that are a list', { method: 'GET', path: '/graphql?query={locales{code}}&variables=[]' }, 400, 'BAD_REQUEST', /variables is not a JSON object/],
    ['broken extensions by GET', { method: 'GET', path: '/graphql?query={locales{code}}&extensions=x' }, 400, 'BAD_REQUEST', /extensions is not JSON/],
    ['no key', { headers: { authorization: '' }, body: locales }, 401, 'UNAUTHENTICATED', /Bearer/],
    ['a body that is too large', { body: json({ query: `#${'x'.repeat(3_000_000)}` }) }, 413, 'REQUEST_TOO_LARGE', /bytes/],
  ])('a request with %s is refused with a message and the CORS headers of its origin', async (_, sent, status, code, words) => {
    for (const origin of [undefined, allowed[1], 'null', 'https://evil.example']) {
      const headers = { ...sent.headers, ...(origin ? { origin } : {}) }
      const answer = await send({ ...sent, headers })
      expect(answer.status).toBe(status)
      expect(problem(answer.body)).toMatchObject({ message: expect.stringMatching(words), extensions: { code } })
      expect(answer.headers.vary).toBe('Origin')
      expect(answer.headers['access-control-allow-origin']).toBe(origin === allowed[1] ? origin : undefined)
    }
  })

  test('a refused request writes no unexpected error to the log', async () => {
    const written = vi.spyOn(process.stdout, 'write')
    await send({ method: 'GET', path: '/graphql?query={locales{code}}&variables=%7B' })
    await send({ body: '{' })
    expect(written.mock.calls.filter(([text]) => String(text).includes('unexpected'))).toEqual([])
    written.mockRestore()
  })

  test('a stream over the limit is refused with the same headers', async () => {
    const first = httpRequest(`${api.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json', accept: 'text/event-stream' },
    })
    first.on('error', () => {})
    const begun = new Promise((began) => first.once('response', began))
    first.end(watching)
    await begun
    const answer = await send({ headers: { accept: 'text/event-stream', origin: 'http://localhost:3000' }, body: watching })
    expect(answer).toMatchObject({ status: 429, headers: { vary: 'Origin', 'access-control-allow-origin': 'http://localhost:3000' } })
    first.destroy()
  })

  test("Apollo's HttpLink reports that a subscription needs an event stream", async () => {
    const client = new ApolloClient({
      link: new HttpLink({ uri: `${api.url}/graphql`, headers: { authorization: `Bearer ${api.key}` } }),
      cache: new InMemoryCache(),
    })
    const error = await new Promise<any>((heard) => {
      client
        .subscribe({ query: gql('subscription { deploymentStatusChanged { __typename } }') })
        .subscribe({ next: ({ error }) => error && heard(error), error: heard })
    })
    expect(JSON.stringify([error.message, error.bodyText, error.errors])).toContain('text/event-stream')
    client.stop()
  })
})

describe('accepted requests', () => {
  test.each<[string, Sent]>([
    ['media types in capitals', { headers: { 'content-type': 'Application/JSON; Charset=UTF-8', accept: 'Application/Json' }, body: locales }],
    ['a space before the parameters', { headers: { 'content-type': 'application/json ; charset="utf-8"' }, body: locales }],
    ['a byte order mark', { body: `\ufeff${locales}` }],
    ['identity as encoding', { headers: { 'content-encoding': 'identity' }, body: locales }],
    ['a document as application/graphql', { headers: { 'content-type': 'application/graphql' }, body: '{ locales { code } }' }],
    ['empty variables by GET', { method: 'GET', path: '/graphql?query={locales{code}}&variables=&extensions=&operationName=' }],
    ['an empty operation name by POST', { body: json({ query: 'query Q { locales { code } }', operationName: '' }) }],
    ['an empty operation name by GET', { method: 'GET', path: '/graphql?query=query%20Q{locales{code}}&operationName=' }],
  ])('a request with %s is answered', async (_, sent) => {
    for (let n = 0; n < 2; n++) expect(JSON.parse((await send(sent)).body).data?.locales[0]).toEqual({ code: 'en-US' })
  })

  test('an empty or unknown operationName is refused for a document with several operations', async () => {
    for (const operationName of ['', 'C', undefined]) {
      const { body } = await send({ body: json({ query: 'query A { __typename } query B { __typename }', operationName }) })
      expect(problem(body)).toMatchObject({ message: expect.stringContaining('operationName'), extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } })
    }
  })
})

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    send({
      method: 'OPTIONS',
      headers: {
        authorization: '',
        'content-type': '',
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })

  test('a page of an allowed origin can send requests, and other origins get no CORS header', async () => {
    for (const origin of allowed) {
      const { status, headers } = await preflight(origin)
      expect(status).toBe(204)
      expect(headers).toMatchObject({ vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-allow-headers': 'authorization,content-type' })
      expect((await send({ headers: { origin }, body: locales })).headers['access-control-allow-origin']).toBe(origin)
    }
    for (const origin of ['null', 'https://evil.example', 'https://app.example.evil.example', 'http://app.example']) {
      for (const { headers } of [
        await preflight(origin),
        await send({ headers: { origin }, body: locales }),
        await send({ headers: { origin }, body: locales }),
      ]) {
        expect(headers.vary).toBe('Origin')
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
      }
    }
  })
})

describe('automatic persisted queries', () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } }
  test('a persisted query is answered with PersistedQueryNotSupported, by POST and by GET', async () => {
    for (const sent of [{ body: json({ extensions }) }, { method: 'GET', path: `/graphql?extensions=${encodeURIComponent(json(extensions))}` }]) {
      for (const accept of ['application/json', 'application/graphql-response+json, application/json;q=0.9']) {
        const answer = await send({ ...sent, headers: { accept } })
        expect(answer.status).toBe(200)
        expect(problem(answer.body)).toEqual({ message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } })
      }
    }
    expect(JSON.parse((await send({ body: json({ query: '{ locales { code } }', extensions }) })).body).data.locales).toHaveLength(3)
  })
})
