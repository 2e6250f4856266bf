import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cardText } from '../support/models.ts'
import { cardRecordings, collect, openTestService, type Service, uuidOf } from '../support/service.ts'
import { evaluationsOf } from './evaluations.ts'

let api: Service
let evaluations: ReturnType<typeof evaluationsOf>
beforeAll(async () => {
  api = await openTestService()
  evaluations = evaluationsOf(api)
})
afterAll(() => api?.close())

const side = '{ text errors alignment { op } }'
const query = `query ($a: ID!, $b: ID!, $orderBy: ComparedItemOrder, $outcomes: [ComparedOutcome!], $first: Int, $after: String) {
  compareEvaluations(a: $a, b: $b) { __typename ... on Error { code path message } ... on EvaluationComparison {
    a { id } b { id } better worse same wordErrorRateDifference matchedPairs { meanDifference statistic pValue isSignificant } wordsWon { word times } wordsLost { word times }
    items(orderBy: $orderBy, outcomes: $outcomes, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
      nodes { item { number } outcome difference a ${side} b ${side} wordsWon wordsLost } } } } }`
async function compare(variables: object): Promise<Record<string, any>> {
  const { data, errors } = await api.ask(query, variables)
  if (!data) throw new Error(JSON.stringify(errors))
  return data.compareEvaluations
}

test('two evaluations are compared by recording, by word and by matched pairs', { timeout: 180_000 }, async () => {
  const testSet = await evaluations.importTestSet(cardRecordings())
  const base = await evaluations.pair('CONVERSATIONAL')
  const { model } = await evaluations.models.createLanguageModel({ text: cardText }, 'CONVERSATIONAL')
  await collect(evaluations.models.watch(model.id))
  const a = await evaluations.evaluate({ testSetId: testSet['id'], ...base })
  const b = await evaluations.evaluate({ testSetId: testSet['id'], ...base, languageModelId: model.id })
  const comparison = await compare({ a: a['id'], b: b['id'] })
  const { nodes, totalCount } = comparison['items']
  expect(totalCount).toBe(testSet['itemCount'])
  expect(comparison['better'] + comparison['worse'] + comparison['same']).toBe(totalCount)
  expect(comparison['better']).toBeGreaterThan(0)
  expect(comparison['wordErrorRateDifference']).toBeCloseTo(b['result'].wordErrorRate - a['result'].wordErrorRate, 10)
  expect(comparison['matchedPairs'].pValue).toBeLessThan(1)
  expect(comparison['wordsWon']).toContainEqual({ word: 'clubs', times: expect.any(Number) })
  for (const { difference, outcome, a: before, b: after } of nodes) {
    expect(difference).toBe(after.errors - before.errors)
    expect(outcome).toBe(difference < 0 ? 'BETTER' : difference > 0 ? 'WORSE' : 'SAME')
  }
  const better = await compare({ a: a['id'], b: b['id'], outcomes: ['BETTER'], orderBy: 'BETTER_FIRST' })
  expect(better['items'].totalCount).toBe(comparison['better'])
  const differences = better['items'].nodes.map((node: { difference: number }) => node.difference)
  expect(differences).toEqual(differences.toSorted((one: number, other: number) => one - other))

  // Pages have each recording once, in every order.
  for (const orderBy of ['NUMBER', 'WORSE_FIRST', 'BETTER_FIRST']) {
    const seen: number[] = []
    for (let after: string | null = null, isMore = true; isMore; ) {
      const { items } = await compare({ a: a['id'], b: b['id'], orderBy, first: 1, after })
      seen.push(...items.nodes.map(({ item }: { item: { number: number } }) => item.number))
      isMore = items.pageInfo.hasNextPage
      after = items.pageInfo.endCursor
    }
    expect(seen.toSorted()).toEqual(nodes.map(({ item }: { item: { number: number } }) => item.number))
  }

  const same = await compare({ a: a['id'], b: a['id'] })
  expect(same).toMatchObject({ better: 0, worse: 0, wordErrorRateDifference: 0, matchedPairs: { pValue: 1, isSignificant: false }, wordsWon: [] })

  const other = await evaluations.importTestSet(cardRecordings().slice(0, 1))
  const c = await evaluations.evaluate({ testSetId: other['id'], ...base })
  expect(await compare({ a: a['id'], b: c['id'] })).toMatchObject({ code: 'TEST_SET_MISMATCH' })
  expect(await compare({ a: a['id'], b: testSet['id'] })).toMatchObject({ code: 'EVALUATION_NOT_FOUND', path: 'b' })
  const { evaluation } = await evaluations.createEvaluation({ testSetId: other['id'], ...base })
  await evaluations.cancelEvaluation(evaluation.id)
  expect(await compare({ a: evaluation.id, b: c['id'] })).toMatchObject({ code: 'EVALUATION_STATUS_CONFLICT', path: 'a' })
})

test('2,000 utterances are compared', async () => {
  const testSet = await evaluations.importTestSet(cardRecordings().slice(0, 1))
  const { acousticModelId, languageModelId } = await evaluations.pair()
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  const id = uuidOf(testSet['id'])
  const said = Array.from({ length: 25 }, (_, n) => `word${n}`).join(' ')
  await sql`insert into test_items select ${id}, n, n || '.wav', ${said}, 16000, 0, 32000 from generate_series(2, 2000) n`
  await sql`update test_items set transcript = ${said} where test_set_id = ${id}`
  const add = async (every: number) => {
    const [made] = await sql`insert into evaluations (workspace_id, test_set_id, acoustic_model_id, language_model_id, status, message)
      select workspace_id, id, ${uuidOf(acousticModelId)}, ${uuidOf(languageModelId)}, 'COMPLETE', '' from test_sets where id = ${id} returning id`
    await sql`insert into evaluated_items select ${made?.['id']}, n, case when n % ${every}::int = 0 then ${said.replaceAll('3', 'x')} else ${said} end,
      25, case when n % ${every}::int = 0 then 3 else 0 end, 0, 0, 100 from generate_series(1, 2000) n`
    return Buffer.from(`Evaluation:${made?.['id']}`).toString('base64')
  }
  const [a, b] = [await add(4), await add(5)]
  const comparison = await compare({ a, b, orderBy: 'WORSE_FIRST', first: 100 })
  expect(comparison).toMatchObject({ better: 400, worse: 300, same: 1300, matchedPairs: { isSignificant: true } })
  expect(comparison['wordErrorRateDifference']).toBeCloseTo(-300 / 50_000, 10)
  await sql.end()
})
