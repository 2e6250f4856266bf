// Estimates count the wait in the queue, and never lie in the past.
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  // Ten completions of 10 s each, two at a time.
  const [models] =
    await sql`select array_agg(id) filter (where kind = 'ACOUSTIC') as acoustic, array_agg(id) filter (where kind = 'LANGUAGE') as language from models`
  await sql`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence, started_at, completed_at)
    select (select id from workspaces order by id limit 1), 'Done ' || n, '', 'en-US', ${models?.acoustic[0]}, ${models?.language[0]}, 'COMPLETE', 1,
      now() - make_interval(secs => 1000 - 10 * (n / 2)), now() - make_interval(secs => 990 - 10 * (n / 2)) from generate_series(0, 9) n`
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const read = async () => {
  const { data } = await api.ask(
    '{ deployments(first: 100, where: { statuses: [QUEUED, PROVISIONING] }, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { status queuePosition estimatedCompletion { p50 p90 } } } }',
  )
  return ((data?.deployments.nodes ?? []) as any[]).map(({ estimatedCompletion: estimate, ...rest }) => ({
    ...rest,
    p50: estimate && Date.parse(estimate.p50) - Date.now(),
    p90: estimate && Date.parse(estimate.p90) - Date.now(),
  }))
}

test('the estimate of a queued deployment counts those before it', async () => {
  await Promise.all(Array.from({ length: 8 }, () => api.create()))
  const rows = (await read()).sort((a, b) => a.queuePosition - b.queuePosition)
  expect(rows.map(({ queuePosition }) => queuePosition)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  rows.forEach(({ p50, p90 }, before) => {
    // Two at a time, 10 s each; the answer itself takes a moment.
    const expected = ((before + 1) / 2) * 10_000 + 10_000
    expect(p50).toBeGreaterThan(expected - 3000)
    expect(p50).toBeLessThan(expected + 1000)
    expect(p90).toBeGreaterThanOrEqual(p50)
  })
})

test('the estimate of a running deployment is in the future, and null after nine of ten durations', async () => {
  const at = async (seconds: number) => {
    await sql`update deployments set status = 'PROVISIONING', started_at = now() - make_interval(secs => ${seconds}) where id = (select id from deployments where status in ('QUEUED', 'PROVISIONING') order by id limit 1)`
    return (await read()).find(({ status }) => status === 'PROVISIONING')
  }
  const early = await at(2)
  expect(early.p50).toBeGreaterThan(5000)
  expect(early.p50).toBeLessThan(8500)
  for (const seconds of [0, 4, 8]) {
    const { p50, p90 } = await at(seconds)
    expect(p50).toBeGreaterThan(0)
    expect(p90).toBeGreaterThanOrEqual(p50)
  }
  for (const seconds of [10, 60, 3000]) expect(await at(seconds)).toMatchObject({ p50: null, p90: null })
})
