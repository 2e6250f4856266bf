// Paged lists and their cursors for subscriptions, without jobs.
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Connection } from '../../src/postgres/connection.ts'
import { type ModelChange, modelsOf } from '../support/models.ts'
import { openTestService, type Service, type StatusChange, uuidOf } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
// The service runs in this process, and prepares its own statements; those of the queue are not.
const sent = vi.spyOn(Connection.prototype, 'send')
const countSent = () => sent.mock.calls.filter(([, , options]) => options?.prepare).length
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 2, onnotice: () => {} })
  await Promise.all(Array.from({ length: 50 }, () => api.create()))
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

describe('the list', () => {
  test('deployments are filtered by locale, status, model and text, and statusCounts covers all pages', async () => {
    const { deployment } = await api.create({ name: '100 % unique_name', description: 'a\\b' })
    await api.act('cancelDeployment', deployment.id)
    const list = async (where: object) =>
      (await api.ask('query ($where: DeploymentFilter) { deployments(where: $where) { totalCount nodes { name } statusCounts { status count } } }', { where }))
        .data?.deployments
    expect((await list({ text: '100 % UNIQUE_' })).nodes).toEqual([{ name: '100 % unique_name' }])
    expect((await list({ text: 'a\\b' })).totalCount).toBe(1)
    expect((await list({ text: '100 % uniqueXname' })).totalCount).toBe(0)
    expect((await list({ text: "'; drop table deployments; --\u0000" })).totalCount).toBe(0)
    expect((await list({ locale: 'de-DE' })).totalCount).toBe(0)
    const canceled = await list({ statuses: ['CANCELED'] })
    expect(canceled.statusCounts).toContainEqual({ status: 'CANCELED', count: canceled.totalCount })
    expect(canceled.statusCounts.length).toBeGreaterThan(1)
    expect((await list({ modelId: await api.modelId('ACOUSTIC', 'CONVERSATIONAL') })).totalCount).toBe(0)
    expect((await list({ modelId: await api.modelId('ACOUSTIC') })).totalCount).toBeGreaterThan(0)
  })

  test('200 deployments with equal times are listed once each, in pages of 7, in both directions and in every order', async () => {
    const [workspace] = await sql`insert into workspaces (name) values ('Many') returning id`
    const { data } = await api.ask('mutation { createWorkspace(input: { name: "Paged" }) { ... on CreateWorkspaceSuccess { secret workspace { id } } } }')
    const paged = api.as(data?.createWorkspace.secret)
    const models = await sql`select id, kind from models where scenario = 'CONVERSATIONAL'`
    const model = (kind: string) => models.find((row) => row.kind === kind)?.id
    await sql`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence, updated_at)
      select ${uuidOf(data?.createWorkspace.workspace.id)}, (array['Row ', 'ΣΑΣ ', 'İ', 'straße'])[1 + n % 4] || (n % 3) || chr(65 + n % 50) || n, '', 'en-US', ${model('ACOUSTIC')}, ${model('LANGUAGE')},
        (array['QUEUED','FAILED','COMPLETE'])[1 + n % 3]::deployment_status, 1, '2026-01-01T00:00:00Z' from generate_series(1, 200) n`
    for (const field of ['CREATED_AT', 'NAME', 'STATUS', 'UPDATED_AT']) {
      for (const direction of ['ASC', 'DESC']) {
        for (const forward of [true, false]) {
          const ids: string[] = []
          let cursor: string | null = null
          do {
            const args = forward ? 'first: 7, after: $cursor' : 'last: 7, before: $cursor'
            const page: any = (
              await paged.ask(
                `query ($cursor: String) { deployments(orderBy: { field: ${field}, direction: ${direction} }, ${args}) { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
                { cursor },
              )
            ).data?.deployments
            ids.push(...page.nodes.map(({ id }: { id: string }) => id))
            cursor = forward ? (page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null) : page.pageInfo.hasPreviousPage ? page.pageInfo.startCursor : null
          } while (cursor)
          expect(ids, `${field} ${direction} ${forward}`).toHaveLength(200)
          expect(new Set(ids).size).toBe(200)
        }
      }
    }
    await paged.dispose()
    await sql`delete from workspaces where id = ${workspace?.id}`
  })

  test.each([[['x']], [['01990000-0000-7000-8000-000000000001', 'y']], [{ length: 1 }], [[null]]])(
    'a cursor with the keys %j is refused as an invalid cursor',
    async (keys) => {
      const after = Buffer.from(JSON.stringify(keys)).toString('base64url')
      expect((await api.ask('query ($after: String) { deployments(after: $after) { nodes { id } } }', { after })).errors?.[0]?.extensions?.code).toBe(
        'INVALID_CURSOR',
      )
      expect((await api.ask('query ($after: String) { models(after: $after) { nodes { id } } }', { after })).errors?.[0]?.extensions?.code).toBe(
        'INVALID_CURSOR',
      )
    },
  )

  test('a list of 50 deployments with every nested field takes a small and constant number of statements', async () => {
    const count = async (first: number) => {
      const before = countSent()
      const { data, errors } = await api.ask(
        `{ deployments(first: ${first}) { totalCount statusCounts { status count } nodes { id name status endpoint { httpUrl urls { mode } } failure { code }
          acousticModel { id name compatibleLanguageModels { id } } languageModel { id name } estimatedCompletion { p50 }
          timeline(first: 2) { totalCount nodes { message deployment { id } } } } } }`,
      )
      expect(errors).toBeUndefined()
      expect(data?.deployments.nodes).toHaveLength(first)
      return countSent() - before
    }
    await count(5)
    const [few, many] = [await count(5), await count(50)]
    expect(few).toBeGreaterThan(3)
    expect(many).toBeLessThanOrEqual(few + 4)
    expect(many).toBeLessThan(20)
  })
})

describe('locales and models', () => {
  test('a locale has names and counts', async () => {
    const fields = '{ code name nativeName baseAcousticModelCount customAcousticModelCount baseLanguageModelCount customLanguageModelCount deploymentCount }'
    const { data } = await api.ask(
      `{ locale(code: "en-us") ${fields} none: locale(code: "de-DE") { code } deployments(where: { locale: "en-US" }) { totalCount } }`,
    )
    expect(data?.locale).toEqual({
      code: 'en-US',
      name: 'English (United States)',
      nativeName: 'English (United States)',
      baseAcousticModelCount: 2,
      customAcousticModelCount: 0,
      baseLanguageModelCount: 2,
      customLanguageModelCount: 0,
      deploymentCount: data?.deployments.totalCount,
    })
    expect(data?.none).toBeNull()
    expect((await api.ask('{ locale(code: "not a tag") { code } }')).errors?.[0]?.message).toContain('en-US')
  })

  test('models are filtered, and list their compatible models', async () => {
    const { data } = await api.ask(`{
      acoustic: models(where: { kind: ACOUSTIC, scenario: CONVERSATIONAL, locale: "en-US" }) { nodes { name ... on AcousticModel { compatibleLanguageModels { name scenario } } } }
      custom: models(where: { isBase: false }) { totalCount }
      text: models(where: { text: "DICTATION" }) { totalCount }
    }`)
    expect(data).toEqual({
      acoustic: { nodes: [{ name: 'Conversational', compatibleLanguageModels: [{ name: 'Conversational', scenario: 'CONVERSATIONAL' }] }] },
      custom: { totalCount: 0 },
      text: { totalCount: 2 },
    })
  })
})

describe('watching the whole workspace', () => {
  test('a subscription from the cursor of a list delivers new, changed and deleted deployments in order without a gap', async () => {
    const list = await api.ask('{ deployments(first: 1) { changesCursor } }')
    const { deployment } = await api.create()
    await api.act('cancelDeployment', deployment.id)
    await api.act('deleteDeployment', deployment.id)
    const seen: StatusChange[] = []
    for await (const change of api.watchAll({ after: list.data?.deployments.changesCursor })) {
      seen.push(change)
      if (change.status === 'DELETING') break
    }
    // The log of a deleted deployment stays, so the subscription has no gap before the deletion.
    expect(seen.map(({ status, previousStatus }) => [previousStatus, status])).toEqual([
      [null, 'QUEUED'],
      ['QUEUED', 'CANCELED'],
      ['CANCELED', 'DELETING'],
    ])
    expect(seen[0]).toMatchObject({ deploymentId: deployment.id, deployment: null })
  })

  test('a subscription from the cursor of a list delivers the changes of models in order without a gap', async () => {
    const models = modelsOf(api)
    const after = (await api.ask('{ models(first: 1) { changesCursor } }')).data?.models.changesCursor
    const { model } = await models.createLanguageModel({ text: 'a' })
    await models.delete(model.id)
    const seen: ModelChange[] = []
    for await (const change of models.watch(null, after)) {
      seen.push(change)
      if (change.status === 'DELETING') break
    }
    expect(seen[0]).toMatchObject({ modelId: model.id, previousStatus: null, status: 'QUEUED', sequence: 1 })
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, n) => n + 1))
  })

  test('each change of each deployment reaches each subscriber once', async () => {
    const after = (await api.ask('{ deployments(first: 1) { changesCursor } }')).data?.deployments.changesCursor
    const take = async (over: 'ws' | 'sse', locale?: string) => {
      const seen: StatusChange[] = []
      for await (const change of api.watchAll({ after, over, locale })) {
        seen.push(change)
        if (seen.length === 6) break
      }
      return seen.map(({ deploymentId, sequence, status }) => ({ deploymentId, sequence, status }))
    }
    const watching = Promise.all([take('ws'), take('sse'), take('ws', 'en-US')])
    const made = await Promise.all([api.create(), api.create(), api.create()])
    await Promise.all(made.map(({ deployment }) => api.act('cancelDeployment', deployment.id)))
    const [ws, sse, filtered] = await watching
    expect(ws).toEqual(sse)
    expect(ws).toEqual(filtered)
    for (const { deployment } of made) expect(ws.filter(({ deploymentId }) => deploymentId === deployment.id).map(({ sequence }) => sequence)).toEqual([1, 2])
  })

  test('a cursor misses no change of two transactions that commit in reverse order', async () => {
    const after = (await api.ask('{ deployments(first: 1) { changesCursor } }')).data?.deployments.changesCursor
    const writers = Array.from({ length: 20 }, () => api.create())
    const made = (await Promise.all(writers)).filter(({ deployment }) => deployment)
    const seen = new Set<string>()
    for await (const change of api.watchAll({ after })) {
      seen.add(change.deploymentId)
      if (seen.size === made.length) break
    }
    expect(made.every(({ deployment }) => seen.has(deployment.id))).toBe(true)
    const positions = await sql`select position from deployment_events where workspace_id = (select id from workspaces order by id limit 1) order by position`
    expect(new Set(positions.map(({ position }) => position)).size).toBe(positions.length)
  })
})
