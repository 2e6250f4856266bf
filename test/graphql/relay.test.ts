// Documents that Relay compiles from schema.graphql, run by its runtime against the server.
import { execFile } from 'node:child_process'
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createClient } from 'graphql-ws'
import relay from 'relay-runtime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { makeDirectory } from '../support/postgres.ts'
import { openTestService, type Service } from '../support/service.ts'

const { commitMutation, Environment, fetchQuery, Network, Observable, RecordSource, requestSubscription, Store } = relay as any
const root = resolve(import.meta.dirname, '../..')
let api: Service
let made: string
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  const dir = await makeDirectory()
  made = join(dir, 'src/made')
  await mkdir(made, { recursive: true })
  await cp(join(root, 'schema.graphql'), join(dir, 'schema.graphql'))
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'))
  await writeFile(join(dir, 'package.json'), '{"type":"module"}')
  const config = { src: './src', schema: './schema.graphql', language: 'javascript', artifactDirectory: './src/made', eagerEsModules: true }
  await writeFile(join(dir, 'relay.config.json'), JSON.stringify(config))
  await writeFile(
    join(dir, 'src/app.js'),
    `import { graphql } from 'relay-runtime'
graphql\`query appListQuery($count: Int!, $cursor: String) { ...app_deployments @arguments(count: $count, cursor: $cursor) }\`
graphql\`fragment app_deployments on Query @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" }) {
  deployments(first: $count, after: $cursor, orderBy: { field: NAME, direction: ASC }) @connection(key: "app_deployments") { edges { node { id name status } } } }\`
graphql\`mutation appCreateMutation($input: CreateDeploymentInput!) { createDeployment(input: $input) { __typename ... on CreateDeploymentSuccess { deployment { id name status } } ... on Error { message } } }\`
graphql\`mutation appCancelMutation($id: ID!) { cancelDeployment(id: $id) { __typename ... on CancelDeploymentSuccess { deployment { id status } } } }\`
graphql\`subscription appWatchSubscription($id: ID!) { deploymentStatusChanged(deploymentId: $id) { __typename ... on DeploymentStatusChange { status deployment { id status } } } }\`
`,
  )
  await promisify(execFile)(process.execPath, [join(root, 'node_modules/.bin/relay-compiler')], { cwd: dir, env: { PATH: process.env.PATH } })
  return () => rm(dir, { recursive: true, force: true })
})
afterAll(() => api.close())

const load = async (name: string) => (await import(pathToFileURL(join(made, `${name}.graphql.js`)).href)).default

function openEnvironment() {
  const authorization = `Bearer ${api.key}`
  const socket = createClient({ url: `${api.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { authorization } })
  const fetchOperation = async ({ text: query }: { text: string }, variables: object) => {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
        authorization,
      },
      body: JSON.stringify({ query, variables }),
    })
    return response.json()
  }
  const subscribe = ({ text, name: operationName }: { text: string; name: string }, variables: any) =>
    Observable.create((sink: any) => socket.subscribe({ operationName, query: text, variables }, sink))
  return { environment: new Environment({ network: Network.create(fetchOperation, subscribe), store: new Store(new RecordSource()) }), socket }
}

test('Relay reads a connection page by page, changes and watches a node, and stores the node once', async () => {
  const { environment, socket } = openEnvironment()
  const create = await load('appCreateMutation')
  const sample = await api.sampleInput()
  const ids: string[] = []
  for (const name of ['ábaco', 'Apple', 'banana']) {
    const answer = await new Promise<any>((onCompleted, onError) =>
      commitMutation(environment, { mutation: create, variables: { input: { ...sample, name } }, onCompleted, onError }),
    )
    expect(answer.createDeployment.__typename).toBe('CreateDeploymentSuccess')
    ids.push(answer.createDeployment.deployment.id)
  }
  const list = await load('appListQuery')
  await fetchQuery(environment, list, { count: 2 }).toPromise()
  const client = environment.getStore().getSource().get('client:root:__app_deployments_connection(orderBy:{"direction":"ASC","field":"NAME"})')
  const edges = client.edges.__refs.map((ref: string) => environment.getStore().getSource().get(ref))
  expect(edges.map((edge: any) => environment.getStore().getSource().get(edge.node.__ref).name)).toEqual(['ábaco', 'Apple'])
  const [id] = ids
  const watch = await load('appWatchSubscription')
  const cancelMutation = await load('appCancelMutation')
  let isCanceled = false
  // The first event proves that the subscription runs. The cancelation ends the subscription.
  const cancel = () => {
    if (!isCanceled) commitMutation(environment, { mutation: cancelMutation, variables: { id } })
    isCanceled = true
  }
  const over = new Promise<void>((onCompleted, onError) => {
    requestSubscription(environment, { subscription: watch, variables: { id }, onCompleted, onError, onNext: cancel })
  })
  await over
  expect(environment.getStore().getSource().get(id).status).toBe('CANCELED')
  await socket.dispose()
})
