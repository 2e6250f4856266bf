import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService()
})
afterAll(() => api.close())

const read = async () => (await fetch(`${api.localUrl}/metrics`)).text()
/** The value of one line, such as `custom_speech_deployments{status="FAILED"}`; 0 without one. */
async function figure(line: string): Promise<number> {
  const found = (await read()).split('\n').find((one) => one.startsWith(`${line} `))
  return Number(found?.slice(line.length + 1) ?? 0)
}

test('requests are counted by route, method and status, and never by path', async () => {
  const secret = crypto.randomUUID()
  await fetch(`${api.localUrl}/${secret}`)
  await fetch(`${api.localUrl}/v1/models/${secret}`)
  await fetch(`${api.localUrl}/graphql?${secret}`, { method: 'POST', body: '{}' })
  await fetch(`${api.localUrl}/ready`, { method: 'PROPFIND' })
  for (const line of [
    'route="unknown",method="GET",status="404"',
    'route="/v1/models/:id",method="GET",status="401"',
    'route="/graphql",method="POST",status="401"',
    'route="/ready",method="OTHER",status="200"',
  ])
    await until(async () => (await figure(`custom_speech_http_requests_total{${line}}`)) >= 1)
  expect(await read()).not.toContain(secret)
  expect(await figure('custom_speech_http_request_duration_seconds_count{route="/graphql"}')).toBeGreaterThanOrEqual(1)
})

test('an opened WebSocket and a refused one count by their status', async () => {
  const { id } = (await api.create())['deployment']
  for await (const _ of api.watch(id)) break
  expect(await figure('custom_speech_http_requests_total{route="/graphql",method="GET",status="101"}')).toBeGreaterThanOrEqual(1)
  const foreign = new WebSocket(`${api.localUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { origin: 'https://other.example' })
  const [error] = await once(foreign, 'error')
  expect(error.message).toContain('403')
  expect(await figure('custom_speech_http_requests_total{route="/graphql",method="GET",status="403"}')).toBe(1)
})

test('GraphQL operations are counted by kind and outcome', async () => {
  const count = (kind: string, outcome: string) => figure(`custom_speech_graphql_operations_total{kind="${kind}",outcome="${outcome}"}`)
  const counts = () => Promise.all([count('query', 'success'), count('mutation', 'success'), count('subscription', 'success'), count('unknown', 'refused')])
  const before = await counts()
  const plain = '{ deployments { totalCount } }'
  // The second time the query is compiled.
  for (const query of [plain, plain, '{ nothing }', '{']) await api.ask(query)
  await api.ask('mutation { createKey(input: { name: "x", scopes: [READ] }) { __typename } }')
  const { id } = (await api.create())['deployment']
  for (const over of ['ws', 'sse'] as const) for await (const _ of api.watch(id, { over })) break
  const after = await counts()
  // `create` looks up models before.
  expect(after.map((value, n) => value - (before[n] ?? 0))).toEqual([expect.any(Number), 2, 2, 2])
  expect((after[0] ?? 0) - (before[0] ?? 0)).toBeGreaterThanOrEqual(2)
})

test('a deployment appears in the totals, in the statuses and in the durations of its stages', async () => {
  const before = await figure('custom_speech_status_changes_total{kind="deployment",status="COMPLETE"}')
  await api.deploy()
  expect(await figure('custom_speech_status_changes_total{kind="deployment",status="COMPLETE"}')).toBeGreaterThan(before)
  for (const stage of ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING'])
    await until(async () => (await figure(`custom_speech_stage_duration_seconds_count{kind="deployment",stage="${stage}"}`)) >= 1)
  await until(async () => (await figure('custom_speech_deployments{status="COMPLETE"}')) >= 1)
  const text = await read()
  expect(text).toMatch(/^custom_speech_queue_jobs{job="provision-deployment",state="waiting"} \d+$/m)
  expect(text).toMatch(/^custom_speech_queue_oldest_job_seconds{job="train-language-model"} 0$/m)
  expect(text).toMatch(/^custom_speech_models{status="READY"} 0$/m)
  expect(text).toMatch(/^custom_speech_ready{part="recognizer"} 1$/m)
})
