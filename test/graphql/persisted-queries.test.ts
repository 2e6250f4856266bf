// Clients of automatic persisted queries send the document after the hash is refused.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
import { ApolloClient as Apollo3, InMemoryCache as Cache3, gql as gql3, HttpLink as HttpLink3 } from 'apollo3/core/index.js'
import { createPersistedQueryLink } from 'apollo3/link/persisted-queries/index.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

const sha256 = async (text: string) => Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('hex')
const document = 'query Locales { locales { code } }'
const expected = [{ code: 'en-US' }, { code: 'es-ES' }, { code: 'es-MX' }]

/** The requests of a client: the method, and true if the request contains the document. */
function recordRequests() {
  const sent: string[] = []
  return {
    sent,
    async fetch(url: RequestInfo | URL, init: RequestInit = {}) {
      const text = init.method === 'GET' ? decodeURIComponent(String(url)) : String(init.body)
      sent.push(`${init.method ?? 'GET'} ${/query Locales/.test(text) ? 'document' : 'hash'}`)
      return fetch(url as string, init)
    },
  }
}
const options = () => ({ uri: `${api.url}/graphql`, headers: { authorization: `Bearer ${api.key}` } })

describe.each([false, true])('with GET for hashes: %s', (useGETForHashedQueries) => {
  const first = useGETForHashedQueries ? 'GET hash' : 'POST hash'

  test('Apollo Client 4 sends the document after the first refused hash', async () => {
    const requests = recordRequests()
    const link = new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(new HttpLink({ ...options(), fetch: requests.fetch }))
    const client = new ApolloClient({ link, cache: new InMemoryCache() })
    for (let n = 0; n < 2; n++) {
      const { data } = await client.query<any>({ query: gql(document), fetchPolicy: 'network-only' })
      expect(data.locales.map(({ code }: { code: string }) => ({ code }))).toEqual(expected)
    }
    // The client has stopped sending hashes.
    expect(requests.sent).toEqual([first, 'POST document', 'POST document'])
    client.stop()
  })

  test('Apollo Client 3 sends the document after the first refused hash', async () => {
    const requests = recordRequests()
    const link = createPersistedQueryLink({ sha256, useGETForHashedQueries }).concat(new HttpLink3({ ...options(), fetch: requests.fetch }))
    const client = new Apollo3({ link, cache: new Cache3() })
    for (let n = 0; n < 2; n++) {
      const { data } = await client.query<any>({ query: gql3(document), fetchPolicy: 'network-only' })
      expect(data.locales.map(({ code }: { code: string }) => ({ code }))).toEqual(expected)
    }
    expect(requests.sent).toEqual([first, 'POST document', 'POST document'])
    client.stop()
  })

  test("urql's persistedExchange sends the document after the first refused hash", async () => {
    const requests = recordRequests()
    const { uri, headers } = options()
    const client = new Client({
      url: uri,
      preferGetMethod: false,
      fetch: requests.fetch as typeof fetch,
      fetchOptions: { headers },
      exchanges: [persistedExchange({ preferGetForPersistedQueries: useGETForHashedQueries, generateHash: sha256 }), fetchExchange],
    })
    for (let n = 0; n < 2; n++) {
      const { data, error } = await client.query(document, {}, { requestPolicy: 'network-only' })
      expect(error).toBeUndefined()
      expect(data.locales.map(({ code }: { code: string }) => ({ code }))).toEqual(expected)
    }
    expect(requests.sent[0]).toBe(first)
    expect(requests.sent.filter((request) => request.endsWith('document')).length).toBeGreaterThan(0)
  })
})
