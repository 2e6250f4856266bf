import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { modelsOf } from '../support/models.ts'
import { collect, createTestClient, openTestService, type Service, type StatusChange } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService()
})
afterAll(() => api.close())

test('WebSocket and SSE deliver the same events', async () => {
  const { deployment } = await api.create()
  const [ws, sse] = await Promise.all([collect(api.watch(deployment.id)), collect(api.watch(deployment.id, { over: 'sse' }))])
  const from = Math.max(ws[0]?.sequence ?? 0, sse[0]?.sequence ?? 0)
  const facts = (changes: StatusChange[]) =>
    changes.filter(({ sequence }) => sequence >= from).map(({ sequence, status, stage, progress }) => ({ sequence, status, stage, progress }))
  expect(facts(ws)).toEqual(facts(sse))
  expect(ws.at(-1)).toMatchObject({ status: 'COMPLETE', isTerminal: true })
})

test('a subscriber of a complete deployment gets the newest change and the end', async () => {
  const { deployment } = await api.deploy()
  const changes = await collect(api.watch(deployment.id))
  expect(changes).toHaveLength(1)
  expect(changes[0]).toMatchObject({
    status: 'COMPLETE',
    previousStatus: 'PROVISIONING',
    deployment: { endpoint: { httpUrl: expect.stringContaining('/speech/recognition/interactive/') } },
  })
})

test('a subscriber that reconnects with its cursor gets every change once', async () => {
  const { deployment } = await api.create()
  const seen: StatusChange[] = []
  for await (const change of api.watch(deployment.id)) {
    seen.push(change)
    if (seen.length === 2) break
  }
  const rest = await collect(api.watch(deployment.id, { after: seen[1]?.cursor }))
  const all = [...seen, ...rest].map((change) => change.sequence)
  expect(all).toEqual(all.map((_, index) => (all[0] ?? 0) + index))
  expect(rest.at(-1)?.status).toBe('COMPLETE')
  expect(await collect(api.watch(deployment.id, { after: rest.at(-1)?.cursor }))).toEqual([])
})

test.each(['garbage', Buffer.from('Deployment:01990000-0000-7000-8000-000000000001').toString('base64')])(
  'watching %s says that it does not exist, and ends',
  async (id) => {
    expect(await collect(api.watch(id))).toEqual([expect.objectContaining({ __typename: 'DeploymentNotFoundError', code: 'DEPLOYMENT_NOT_FOUND' })])
    expect(await collect(api.watch(id, { over: 'sse' }))).toHaveLength(1)
  },
)

test('a cursor of another workspace, log or list is refused by every subscription', async () => {
  const { deployment } = await api.create()
  const { changesCursor } = (await api.ask('{ deployments { changesCursor } }')).data?.deployments ?? {}
  const other = api.as(
    (await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret } } }')).data?.createWorkspace.secret,
  )
  onTestFinished(other.dispose)
  const strange = (await other.ask('{ deployments { changesCursor } }')).data?.deployments.changesCursor
  const [, position, workspace] = Buffer.from(changesCursor, 'base64url').toString().split(':')
  const cursorOf = (text: string) => Buffer.from(text).toString('base64url')
  // Cursors of another workspace, of a position in the future, of an earlier version, of another log and of a list.
  const elsewhere = [strange, cursorOf(`deployment:${Number(position) + 1e6}:${workspace}`), cursorOf('event:1000000'), cursorOf('model:0'), 'nonsense']
  const refusal = [expect.objectContaining({ __typename: 'InvalidCursorError' })]
  for (const after of elsewhere) {
    for (const over of ['ws', 'sse'] as const) {
      expect(await collect(api.watch(deployment.id, { after, over }))).toEqual(refusal)
      expect(await collect(api.watchAll({ after, over }))).toEqual(refusal)
    }
  }
  expect(await collect(modelsOf(api).watch(null, changesCursor))).toEqual(refusal)
  // The position can be newer than the newest change of one deployment and not newer than the log.
  const watching = api.watch((await api.deploy()).deploymentId, { after: changesCursor })
  expect((await watching.next()).value).toMatchObject({ sequence: 1 })
  await watching.return(undefined)
})

test('a socket without a key is closed before its first operation', async () => {
  for (const authorization of [undefined, 'Bearer cs_wrong', 'cs_wrong']) {
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } })))
    const [code] = await new Promise<[number]>((closed) => socket.once('close', (reason: number) => closed([reason])))
    expect(code).toBe(4403)
  }
})

test('a request without a key is refused over HTTP and SSE', async () => {
  const stranger = createTestClient(api.url, 'cs_not-a-key')
  expect((await stranger.ask('{ models { nodes { id } } }')).errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
  expect((await stranger.ask('{ __schema { types { name } } }')).data).toBeUndefined()
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"query":"{ locales { code } }"}',
  })
  expect(response.status).toBe(401)
  await expect(collect(stranger.watch('x', { over: 'sse' }))).rejects.toThrow()
})

test('GraphiQL loads without a key and without the internet', async () => {
  const response = await fetch(`${api.url}/graphql`, { headers: { accept: 'text/html' } })
  const page = await response.text()
  expect(response.status).toBe(200)
  expect(page.length).toBeLessThan(10_000)
  expect(page).not.toMatch(/<(script|link)[^>]+(src|href)="https?:/)
})
