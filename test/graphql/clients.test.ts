// Third-party clients and audits against the running server.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { ApolloClient as Apollo3, InMemoryCache as Cache3, gql as gql3, HttpLink as HttpLink3 } from 'apollo3/core/index.js'
import { GraphQLWsLink as WsLink3 } from 'apollo3/link/subscriptions/index.js'
import { serverAudits } from 'graphql-http'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService()
})
afterAll(() => api.close())

const headers = () => ({ authorization: `Bearer ${api.key}` })

describe('GraphQL over HTTP', () => {
  const audits = serverAudits({
    url: () => `${api.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) => fetch(url, { ...init, headers: { ...headers(), ...(init.headers as object) } }),
  })
  test.each(audits.map((audit) => [audit.name, audit] as const))('%s', async (_, audit) => {
    const result = await audit.fn()
    expect(result.status, 'reason' in result ? result.reason : '').toBe('ok')
  })
})

const createDocument = `mutation Create($input: CreateDeploymentInput!) {
  createDeployment(input: $input) {
    __typename
    ... on CreateDeploymentSuccess { deployment { id name } }
    ... on Error { code message path }
    ... on IncompatibleModelsError { reason }
    ... on ValidationError { fieldErrors { path } }
  }
}`
const watchDocument = `subscription Watch($id: ID!) {
  deploymentStatusChanged(deploymentId: $id) { __typename ... on DeploymentStatusChange { status sequence isTerminal deployment { id endpoint { httpUrl } } } ... on Error { code } }
}`

/** An input for each member of the union that a client can cause. */
async function inputs() {
  const sample = await api.sampleInput()
  const idempotencyKey = crypto.randomUUID()
  const taken = `Taken ${idempotencyKey}`
  await api.create({ ...sample, name: taken, idempotencyKey })
  return [
    ['CreateDeploymentSuccess', { ...sample, name: `New ${crypto.randomUUID()}` }],
    ['DuplicateDeploymentNameError', { ...sample, name: taken.toUpperCase() }],
    ['IncompatibleModelsError', { ...sample, acousticModelId: await api.modelId('ACOUSTIC', 'CONVERSATIONAL') }],
    ['ModelNotFoundError', { ...sample, languageModelId: 'nothing' }],
    ['ValidationError', { ...sample, name: '' }],
    ['IdempotencyConflictError', { ...sample, name: 'Other', idempotencyKey }],
  ] as const
}

const socket = () => createClient({ url: `${api.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: headers() })

/** Both versions export the same names with different types. */
const apollos: [string, any][] = [
  ['4', { ApolloClient, gql, HttpLink, InMemoryCache, GraphQLWsLink }],
  ['3', { ApolloClient: Apollo3, gql: gql3, HttpLink: HttpLink3, InMemoryCache: Cache3, GraphQLWsLink: WsLink3 }],
]

test.each(apollos)(
  'Apollo Client %s: query, every member of the union, subscription',
  async (_, { ApolloClient, gql, HttpLink, InMemoryCache, GraphQLWsLink }) => {
    const possibleTypes = { Error: ['ValidationError'], Node: ['Deployment'] }
    const ws = socket()
    const http = new ApolloClient({ link: new HttpLink({ uri: `${api.url}/graphql`, headers: headers() }), cache: new InMemoryCache({ possibleTypes }) })
    const live = new ApolloClient({ link: new GraphQLWsLink(ws), cache: new InMemoryCache({ possibleTypes }) })
    const models = await http.query({ query: gql('{ models { nodes { id name __typename } } }') })
    expect(models.data?.models.nodes).toHaveLength(8)
    let id = ''
    for (const [typename, input] of await inputs()) {
      const { data } = await http.mutate({ mutation: gql(createDocument), variables: { input } })
      expect(data?.createDeployment.__typename).toBe(typename)
      if (typename === 'CreateDeploymentSuccess') id = data?.createDeployment.deployment.id
    }
    const last = await new Promise<any>((resolve, reject) => {
      let latest: any
      live.subscribe({ query: gql(watchDocument), variables: { id } }).subscribe({
        next: ({ data }: any) => {
          latest = data?.deploymentStatusChanged
        },
        error: reject,
        complete: () => resolve(latest),
      })
    })
    expect(last).toMatchObject({ status: 'COMPLETE', isTerminal: true, deployment: { id, endpoint: { httpUrl: expect.stringContaining('/speech/') } } })
    await ws.dispose()
  },
)

test('urql: query, every member of the union, subscription', async () => {
  const ws = socket()
  const urql = new Client({
    url: `${api.url}/graphql`,
    preferGetMethod: false,
    fetchOptions: { headers: headers() },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({ subscribe: (sink) => ({ unsubscribe: ws.subscribe({ ...request, query: request.query ?? '' }, sink as never) }) }),
      }),
    ],
  })
  expect((await urql.query('{ locales { code name } }', {})).data?.locales).toEqual([
    { code: 'en-US', name: 'English (United States)' },
    { code: 'es-ES', name: 'Spanish (Spain)' },
    { code: 'es-MX', name: 'Spanish (Mexico)' },
  ])
  let id = ''
  for (const [typename, input] of await inputs()) {
    const { data } = await urql.mutation(createDocument, { input })
    expect(data?.createDeployment.__typename).toBe(typename)
    if (typename === 'CreateDeploymentSuccess') id = data?.createDeployment.deployment.id
  }
  const statuses = await new Promise<string[]>((resolve) => {
    const seen: string[] = []
    urql.subscription(watchDocument, { id }).subscribe(({ data }) => {
      seen.push(data?.deploymentStatusChanged.status)
      if (data?.deploymentStatusChanged.isTerminal) resolve(seen)
    })
  })
  expect(statuses.at(-1)).toBe('COMPLETE')
  await ws.dispose()
})
