// Two api, two jobs and two speech processes with nothing shared but Postgres, behind nginx; Postgres behind haproxy.
import { createHmac } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { baseAcousticFiles, bringModel, makeArchive } from '../support/acoustic-models.ts'
import { browserOf } from '../support/browser-session.ts'
import { connect } from '../support/graphql-socket.ts'
import { cardText, modelsOf } from '../support/models.ts'
import { collect, type OnFinished, referenceRecording, referenceText } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { type House, openHouse } from './house/house.ts'
import { figuresOf, nothingLost, startLoad } from './house/load.ts'
import { expectWhole } from './roles.ts'

const closers: Parameters<OnFinished>[0][] = []
let house: House
/** A deployment of the base models, and one of custom models. */
let plain: { httpUrl: string; webSocketUrl: string }
let custom: { httpUrl: string; webSocketUrl: string }
beforeAll(async () => {
  house = await openHouse((close) => void closers.push(close))
  plain = await house.deployEndpoint()
}, 180_000)
afterAll(async () => {
  for (const close of closers.reverse()) await (close as () => unknown)()
}, 60_000)

const words = referenceText.replace('.', '')

/** Sends the recording to one process, or to the proxy; answers the problem, if there is one. */
async function recognizeAt({ url }: { url: string }, httpUrl: string): Promise<string | undefined> {
  const { pathname, search } = new URL(httpUrl)
  const answer = await house.post(`${url}${pathname}${search}`, referenceRecording())
  const text = await answer.text()
  return answer.ok && text.includes(words) ? undefined : `${answer.status} ${text}`
}

test('custom models of every kind made on one machine are served by all', async () => {
  const [first] = house.api
  const models = modelsOf({ ...house, localUrl: first.url })
  const text = (await (await models.upload('text', cardText)).json()) as { id: string }
  const { encoder, decoder } = await baseAcousticFiles('SEARCH_AND_DICTATION')
  const archive = await makeArchive({ 'encoder_model.onnx': encoder as string, 'decoder_model_merged.onnx': decoder as string })
  const [inline, uploaded, acoustic] = await Promise.all([
    models.createLanguageModel({ text: 'We walked along the river.\nWe talked about the weather.' }),
    models.createLanguageModel({ uploadId: text.id }),
    bringModel(models, archive),
  ])
  expect(acoustic.last).toMatchObject({ status: 'READY' })
  const endpoints = []
  for (const { model } of [inline, uploaded]) {
    expect((await collect(models.watch(model.id))).at(-1)).toMatchObject({ status: 'READY' })
    const { deployment } = await house.create({ acousticModelId: acoustic.id, languageModelId: model.id })
    const last = (await collect(house.watch(deployment.id))).at(-1)
    expect(last, last?.message).toMatchObject({ status: 'COMPLETE' })
    endpoints.push(last?.deployment.endpoint as typeof custom)
  }
  custom = endpoints[0] as typeof custom
  const problems = []
  for (const node of house.speech) for (const { httpUrl } of endpoints) problems.push(await recognizeAt(node, httpUrl))
  expect(problems).toEqual([undefined, undefined, undefined, undefined])
  figure('custom models on machines without a shared disk', { models: 3, deployments: endpoints.length, recordings: problems.length, errors: 0 })
})

test('a rolling restart under load loses no write, no event and no word', { timeout: 240_000 }, async () => {
  const load = await startLoad(house, plain)
  const began = performance.now()
  for (const node of house.nodes) {
    expect(await node.stop(), node.name).toMatchObject({ code: 0 })
    await node.start()
  }
  const restarted = performance.now() - began
  const report = await load.stop()
  figure('rolling restart of six processes', { 'time, s': restarted / 1000, ...figuresOf(report) })
  expect(report, JSON.stringify(report)).toMatchObject(nothingLost)
})

test('the death of each process in turn under load loses no write, no event and no word', { timeout: 240_000 }, async () => {
  const load = await startLoad(house, plain)
  for (const node of house.nodes) {
    await node.kill()
    await node.start()
  }
  const report = await load.stop()
  figure('kill -9 of each of six processes', figuresOf(report))
  expect(report, JSON.stringify(report)).toMatchObject(nothingLost)
})

test('a speech process that starts with an empty cache under load answers its first requests', { timeout: 240_000 }, async () => {
  const [, fresh] = house.speech
  await fresh.stop()
  await fresh.empty()
  const load = await startLoad(house, plain, { watchers: 5, speakers: 1 })
  let hasStarted = false
  const starting = fresh.start().then(() => {
    hasStarted = true
  })
  const problems: (string | undefined)[] = []
  while (!hasStarted) {
    problems.push(await recognizeAt(house, custom.httpUrl))
    await delay(500)
  }
  await starting
  const meanwhile = problems.length
  for (const { httpUrl } of [custom, plain, custom, plain]) problems.push(await recognizeAt(fresh, httpUrl))
  const report = await load.stop()
  figure('an empty cache under load', {
    'recordings while it started': meanwhile,
    'first recordings': 4,
    errors: problems.filter(Boolean).length,
    ...figuresOf(report),
  })
  expect([...new Set(problems)]).toEqual([undefined])
  expect(report, JSON.stringify(report)).toMatchObject(nothingLost)
})

test('tokens, keys, cookies and deadlines hold on machines whose clocks are five minutes apart', async () => {
  const [{ now, secret, ...owner }] = (await house.sql`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as now, value as secret, keys.id as "keyId", workspace_id as "workspaceId"
    from settings, keys where settings.name = 'token-secret' and is_bootstrap`) as unknown as [
    { now: number; secret: string; keyId: string; workspaceId: string },
  ]
  const sign = (expiresAt: number) => {
    const body = Buffer.from(JSON.stringify({ ...owner, expiresAt: Math.round(expiresAt) })).toString('base64url')
    return `cst_${body}.${createHmac('sha256', Buffer.from(secret, 'hex')).update(body).digest('base64url')}`
  }
  const use = async (node: { url: string }, token: string) => (await fetch(`${node.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status
  const [valid, expired] = [sign(now + 240_000), sign(now - 60_000)]
  for (const node of house.speech) {
    expect([await use(node, valid), await use(node, expired)], node.name).toEqual([200, 401])
    const issued = await (await house.post(`${node.url}/sts/v1.0/issueToken`, '')).text()
    const { expiresAt } = JSON.parse(Buffer.from(issued.slice(4).split('.')[0] ?? '', 'base64url').toString())
    expect(Math.abs(expiresAt - now - 600_000), node.name).toBeLessThan(60_000)
    for (const other of house.speech) expect(await use(other, issued)).toBe(200)
  }

  for (const node of house.api) {
    const { ask } = house.at(node)
    const expiresAt = Date.now() + 5_000
    const input = { name: `Short ${node.name}`, scopes: ['READ'], expiresAt: new Date(expiresAt).toISOString() }
    const { data } = await ask(
      'mutation ($input: CreateKeyInput!) { createKey(input: $input) { ... on CreateKeySuccess { secret } ... on Error { message } } }',
      { input },
    )
    const key: string = data?.['createKey'].secret
    expect(key, JSON.stringify(data)).toMatch(/^cs_/)
    const sockets = await Promise.all(house.api.map(({ url }) => connect({ localUrl: url, key })))
    const ends = await Promise.all(sockets.map((socket) => socket.close().then(() => Date.now() - expiresAt)))
    for (const end of ends) expect(end, `${ends}`).toBeGreaterThanOrEqual(-50)

    const browser = browserOf(() => ({ localUrl: node.url, key: house.key }))
    const cookie = await browser.cookieFor()
    for (const { url } of house.api) expect(await browser.isIn(cookie, url)).toBe(200)
  }
  // Four times, so that each worker has some. Their time limits are shorter than the difference of the clocks.
  const created = await Promise.all([0, 1, 0, 1].map((n) => house.at(house.api[n] as { url: string }).create()))
  const logs = await Promise.all(created.map(({ deployment }, n) => collect(house.at(house.api[(n + 1) % 2] as { url: string }).watch(deployment.id))))
  expect(logs.map((changes) => changes.at(-1)?.status)).toEqual(logs.map(() => 'COMPLETE'))
  for (const changes of logs) expectWhole(changes)
  figure('clocks five minutes apart', { 'tokens, keys and cookies refused or kept too long': 0, deployments: logs.length })
})

test('a failover of Postgres to its standby under load loses no write, no event and no word', { retry: 0, timeout: 240_000 }, async () => {
  const load = await startLoad(house, plain)
  await until(() => load.acknowledged.length >= 2)
  const readiness = () => Promise.all(house.nodes.map((node) => node.ready()))
  await house.postgres.losePrimary()
  const lostAt = performance.now()
  await until(async () => (await readiness()).every((status) => status === 503))
  // Nothing is written before the promotion.
  const before = load.acknowledged.length
  await delay(1_000)
  expect([load.acknowledged.length, ...(await readiness())]).toEqual([before, ...house.nodes.map(() => 503)])
  await house.postgres.promote()
  const promotedAt = performance.now()
  await until(() => load.acknowledged.length > before)
  const acceptedAt = performance.now()
  await until(async () => (await readiness()).every((status) => status === 200))
  const report = await load.stop()
  const seconds = (from: number, to: number) => (to - from) / 1000
  figure('Postgres failed over to its standby', {
    'read-only, s': seconds(lostAt, promotedAt),
    'writes after the promotion, s': seconds(promotedAt, acceptedAt),
    ...figuresOf(report),
  })
  expect(report, JSON.stringify(report)).toMatchObject(nothingLost)
})
