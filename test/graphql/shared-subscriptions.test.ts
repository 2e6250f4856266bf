// The shared broadcast and the execution per subscriber deliver the same bytes.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let id: string
beforeAll(async () => {
  api = await openTestService()
  id = (await api.deploy()).deploymentId
})
afterAll(() => api.close())

const documents: Record<string, { query: string; variables?: Record<string, unknown>; operationName?: string }> = {
  'every scalar field': {
    query:
      'subscription { deploymentStatusChanged(deploymentId: "%id", after: "%start") { __typename ... on DeploymentStatusChange { sequence status stage progress message occurredAt cursor } } }',
  },
  aliases: {
    query:
      'subscription ($i: ID!) { news: deploymentStatusChanged(deploymentId: $i) { kind: __typename ... on DeploymentStatusChange { number: sequence again: sequence } } }',
    variables: { i: '%id' },
  },
  fragments: {
    query: `subscription Watch($i: ID!, $after: String) { ...Root }
      fragment Root on Subscription { deploymentStatusChanged(deploymentId: $i, after: $after) { ...Change ... on Error { code message } } }
      fragment Change on DeploymentStatusChange { sequence deployment { ...Whole } }
      fragment Whole on Deployment { id name isServing endpoint { id httpUrl webSocketUrl } acousticModel { name } languageModel { name scenario } verification { transcript } }`,
    variables: { i: '%id', after: '%start' },
  },
  '@include and @skip': {
    query:
      'subscription ($i: ID!, $yes: Boolean!, $no: Boolean = false) { deploymentStatusChanged(deploymentId: $i) { ... on DeploymentStatusChange @include(if: $yes) { sequence status @include(if: $no) message @skip(if: $yes) } } }',
    variables: { i: '%id', yes: true },
  },
  'a cursor variable that is used twice': {
    query:
      'subscription ($i: ID!, $c: String) { deploymentStatusChanged(deploymentId: $i, after: $c) { ... on DeploymentStatusChange { sequence deployment { timeline(first: 2, after: $c) { nodes { sequence } } } } } }',
    variables: { i: '%id', c: '%start' },
  },
  'an error in a field': {
    query:
      'subscription ($i: ID!) { deploymentStatusChanged(deploymentId: $i) { ... on DeploymentStatusChange { sequence deployment { name timeline(after: "nonsense") { nodes { sequence } } } } } }',
    variables: { i: '%id' },
  },
  'one of several operations': {
    query:
      'query Q { __typename } subscription A($i: ID!) { deploymentStatusChanged(deploymentId: $i) { ... on DeploymentStatusChange { status } } } subscription B($i: ID!) { deploymentStatusChanged(deploymentId: $i) { __typename } }',
    variables: { i: '%id' },
    operationName: 'B',
  },
  'an unknown id': { query: 'subscription { deploymentStatusChanged(deploymentId: "nobody") { __typename ... on Error { code message } } }' },
  'a cursor of another kind': {
    query: 'subscription { deploymentStatusChanged(deploymentId: "%id", after: "x") { __typename ... on Error { code message } } }',
  },
  'another locale': { query: 'subscription { deploymentStatusChanged(deploymentId: "%id", locale: "de-DE") { __typename } }' },
  'a missing variable': { query: 'subscription ($i: ID!) { deploymentStatusChanged(deploymentId: $i) { __typename } }' },
  'an unknown field': { query: 'subscription { deploymentStatusChanged(deploymentId: "%id") { nothing } }' },
  'an unknown operation name': { query: 'subscription A { deploymentStatusChanged(deploymentId: "%id") { __typename } }', operationName: 'C' },
}

test.each(Object.entries(documents))('the subscription with %s gets the same bytes over WebSocket and SSE, on both delivery paths', async (_, request) => {
  const start = Buffer.from('event:0').toString('base64url')
  const body = JSON.stringify(request).replaceAll('%id', id).replaceAll('%start', start)
  // A request with an origin uses the execution per subscriber.
  const alone = await stream(body, { origin: 'https://another.example' })
  expect(alone).not.toBe('')
  for (const shared of await Promise.all([stream(body), stream(body), stream(body)])) expect(stable(shared)).toBe(stable(alone))
  const [one, two] = await Promise.all([talk(body), talk(body)])
  expect(one.map(stable)).toEqual(two.map(stable))
  const payloads = [...alone.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => JSON.parse(stable(json)))
  const messages = one.map((text) => JSON.parse(stable(text)))
  if (messages[0]?.type === 'error') return expect(payloads[0].errors).toHaveLength(messages[0].payload.length)
  expect(messages).toEqual([...payloads.map((payload) => ({ id: 'a "name"', type: 'next', payload })), { id: 'a "name"', type: 'complete' }])
  for (const [n, payload] of payloads.entries())
    if (!payload.errors) expect(stable(one[n] ?? '')).toBe(`{"id":"a \\"name\\"","type":"next","payload":${JSON.stringify(payload)}}`)
})

/** Removes the ids of errors, which differ between requests. */
const stable = (text: string) => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '(id)')

async function stream(body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, accept: 'text/event-stream', ...headers },
    body,
  })
  const text = await response.text()
  return `${response.status} ${response.headers.get('content-type')}\n${text.replaceAll(':\n\n', '')}`
}

function talk(body: string): Promise<string[]> {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  const heard: string[] = []
  return new Promise((done, failed) => {
    socket.on('error', failed)
    socket.on('close', (code, reason) => failed(new Error(`${code} ${reason}`)))
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } })))
    socket.on('message', (data) => {
      const text = String(data)
      const { type } = JSON.parse(text)
      if (type === 'connection_ack') return socket.send(`{"id":"a \\"name\\"","type":"subscribe","payload":${body}}`)
      heard.push(text)
      if (type === 'complete' || type === 'error') done(heard)
    })
  })
}
