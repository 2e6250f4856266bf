// More custom models than fit on one page.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { cardText, modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'
import { findViolations, openBrowser, openDashboard, rowOf } from './browser.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const many = 250

// No jobs run here, so models keep their status.
let api: Service
let sql: postgres.Sql
let browser: Browser
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_MODELS: '1000' })
  sql = postgres(api.databaseUrl, { max: 2, onnotice: () => {} })
  browser = await openBrowser()
  // Their names sort before those of the base models. Half of them are QUEUED.
  const { model } = await modelsOf(api).createLanguageModel({ name: 'A model', text: cardText })
  const id = Buffer.from(model.id, 'base64').toString().split(':')[1] ?? ''
  await sql`insert into models select (jsonb_populate_record(m, jsonb_build_object('id', uuidv7(), 'name', 'A model ' || lpad(n::text, 3, '0'),
    'status', (array['READY', 'QUEUED'])[1 + n % 2]))).* from models m, generate_series(1, ${many - 1}) n where m.id = ${id}`
})
afterAll(async () => {
  await browser.close()
  await sql.end()
  await api.close()
})

const cards = (page: Page) => page.getByRole('region', { name: 'Language models' }).getByRole('listitem')
const cardOf = (page: Page, name: string) => cards(page).filter({ has: page.getByRole('heading', { name, exact: true }) })

test('the base models are always shown, and custom models have pages and a search', async () => {
  const { page, complaints } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Models' }).click()
  await cardOf(page, 'Conversational').waitFor()
  await cardOf(page, 'Search and Dictation').waitFor()
  const pager = page.getByRole('navigation', { name: 'Pages of custom language models' })
  await pager.getByText(`1–24 of ${many} custom language models`).waitFor()
  const seen = new Set<string>()
  for (let left = true; left; ) {
    const names = await cards(page).getByRole('heading').allTextContents()
    for (const name of names.filter((each) => each.startsWith('A model'))) seen.add(name)
    left = await pager.getByRole('button', { name: 'Next' }).isEnabled()
    if (!left) break
    await pager.getByRole('button', { name: 'Next' }).click()
    await cardOf(page, names[0] ?? '').waitFor({ state: 'detached' })
  }
  expect(seen.size).toBe(many)
  await pager.getByRole('button', { name: 'Previous' }).click()
  await cardOf(page, 'A model 220').waitFor()
  await page.getByRole('searchbox', { name: 'Search custom language models' }).fill('model 117')
  await page.getByText('1 custom language model', { exact: true }).waitFor()
  await cardOf(page, 'A model 117').waitFor()
  expect(await findViolations(page, await readFile(axe, 'utf8'))).toEqual([])
  expect(complaints).toEqual([])
})

test('a page whose last model is deleted elsewhere is replaced by the first page', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('searchbox', { name: 'Search custom language models' }).fill('A model 0')
  await page.getByText('1–24 of 99 custom').waitFor()
  const doomed = []
  for (const [n, name] of Array.from({ length: 25 }, (_, n) => [n, `Zz ${n}`] as const))
    doomed[n] = (await modelsOf(api).createLanguageModel({ name, text: cardText })).model.id
  await page.getByRole('searchbox', { name: 'Search custom language models' }).fill('Zz')
  await page.getByText('1–24 of 25 custom').waitFor()
  await page.getByRole('button', { name: 'Next' }).click()
  await cardOf(page, 'Zz 24').waitFor()
  await cardOf(page, 'Zz 0').waitFor({ state: 'detached' })
  await modelsOf(api).delete(doomed[24])
  await cardOf(page, 'Zz 0').waitFor()
  for (const id of doomed) await modelsOf(api).delete(id)
})

test('the form of a deployment has pages and a search for models, and a chosen model stays chosen', async () => {
  const { page, complaints } = await openDashboard(browser, api)
  await page.goto(`${api.localUrl}/new?locale=en-US`)
  await page.getByLabel('Name', { exact: true }).fill('With one of many')
  const language = page.getByRole('group', { name: 'Language Model' })
  await language.getByRole('radio', { name: /^Search and Dictation/ }).waitFor()
  await language.getByText(`1–24 of ${many} custom`).waitFor()
  expect(await findViolations(page, await readFile(axe, 'utf8'))).toEqual([])
  await page
    .getByRole('group', { name: 'Acoustic Model' })
    .getByRole('radio', { name: /^Search and Dictation/ })
    .check()
  await page.getByText('does not mix with').first().waitFor()
  // One base model and many custom models fit, so none is chosen automatically.
  expect(await language.getByRole('radio', { checked: true }).count()).toBe(0)
  await language.getByRole('searchbox').fill('model 206')
  await language.getByText('1 custom language model', { exact: true }).waitFor()
  await language.getByRole('radio', { name: /^A model 206/ }).check()
  await language.getByRole('searchbox').fill('nothing like it')
  await language.getByText('0 custom language models').waitFor()
  expect(await language.getByRole('radio', { name: /^A model 206/ }).isChecked()).toBe(true)
  await language.getByRole('searchbox').press('Enter')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await rowOf(page, 'With one of many').getByText('A model 206').waitFor()
  expect(complaints).toEqual([])
})

test('a chosen model on another page of the list is deselected when it no longer fits', async () => {
  const { page } = await openDashboard(browser, api)
  await page.goto(`${api.localUrl}/new?locale=en-US`)
  const acoustic = page.getByRole('group', { name: 'Acoustic Model' })
  const language = page.getByRole('group', { name: 'Language Model' })
  await acoustic.getByRole('radio', { name: /^Search and Dictation/ }).check()
  await language.getByRole('searchbox').fill('model 206')
  await language.getByRole('radio', { name: /^A model 206/ }).check()
  await language.getByRole('searchbox').fill('nothing like it')
  await language.getByText('0 custom language models').waitFor()
  await acoustic.getByRole('radio', { name: /^Conversational/ }).check()
  await expect.poll(() => language.getByRole('radio', { checked: true }).count()).toBe(0)
})

test('a search finds its models while models on the page change', async () => {
  const models = modelsOf(api)
  const { model } = await models.createLanguageModel({ name: 'A busy model', text: cardText })
  const { page, complaints } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Models' }).click()
  await cardOf(page, 'A busy model').waitFor()
  await models.cancel(model.id)
  await cardOf(page, 'A busy model').getByText('Canceled', { exact: true }).waitFor()
  let isMoving = true
  const move = async () => {
    while (isMoving) {
      await models.retry(model.id)
      await models.cancel(model.id)
    }
    await models.delete(model.id)
  }
  const moving = move()
  onTestFinished(async () => {
    isMoving = false
    await moving
  })
  await page.getByRole('searchbox', { name: 'Search custom language models' }).fill('model 117')
  await page.getByText('1 custom language model', { exact: true }).waitFor({ timeout: 5_000 })
  expect(complaints).toEqual([])
})

test('one stream follows all models of a list without a gap between list and stream', async () => {
  const models = modelsOf(api)
  const { model } = await models.createLanguageModel({ name: 'A fleeting model', text: cardText })
  onTestFinished(async () => void (await models.delete(model.id)))
  const { page, complaints } = await openDashboard(browser, api)
  const { promise: isRead, resolve: letGo } = Promise.withResolvers<void>()
  let streams = 0
  await page.routeWebSocket('**/graphql', (socket) => {
    const server = socket.connectToServer()
    socket.onMessage(async (message) => {
      if (String(message).includes('modelStatusChanged')) {
        streams++
        await isRead
      }
      server.send(message)
    })
  })
  await page.goto(`${api.localUrl}/models?locale=en-US`)
  await cardOf(page, 'A fleeting model').getByText('Queued', { exact: true }).waitFor()
  await models.cancel(model.id)
  letGo()
  await cardOf(page, 'A fleeting model').getByText('Canceled', { exact: true }).waitFor()
  // Two lists share a stream if they were read at the same moment.
  expect(streams).toBeLessThanOrEqual(2)
  expect(complaints).toEqual([])
})
