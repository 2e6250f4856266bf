// Outcomes of deployments and models, announced on every page and in the title of the tab.
import type { Browser } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cardText, modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'
import { openBrowser, openDashboard, rowOf } from './browser.ts'

let api: Service
let browser: Browser
beforeAll(async () => {
  api = await openTestService()
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

test('a deployment that becomes Complete is announced on another page and in the title', async () => {
  const { page, complaints } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Keys' }).click()
  await page.getByText('Live', { exact: true }).waitFor()
  await api.create({ name: 'Front desk' })
  await page.locator('[aria-live=polite]').getByText('“Front desk” is complete.').waitFor()
  expect(await page.title()).toBe('✓ Front desk · Keys')
  await expect.poll(() => page.title(), { timeout: 15_000 }).toBe('Keys')
  expect(complaints).toEqual([])
})

test('a deployment that fails is announced with its reason', async () => {
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  const { page } = await openDashboard(browser, api)
  await page.getByText('Live', { exact: true }).waitFor()
  // A model whose files do not match their checksums.
  await sql`update models set files = (select jsonb_agg(file || ${sql.json({ sha256: '0'.repeat(64) })}) from jsonb_array_elements(files) file)
    where kind = 'ACOUSTIC' and scenario = 'SEARCH_AND_DICTATION' and locale = 'en-US'`
  await sql.end()
  await api.create({ ...(await api.sampleInput('SEARCH_AND_DICTATION')), name: 'Broken' })
  await page
    .locator('[aria-live=polite]')
    .getByText(/^“Broken” failed\. \w+/)
    .waitFor()
  expect(await page.title()).toMatch(/^✗ Broken · Deployments/)
})

test('a model that becomes ready is announced', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('heading', { name: 'Language models' }).waitFor()
  // A retry of this test needs another name.
  const name = `Cards ${crypto.randomUUID().slice(0, 8)}`
  await modelsOf(api).createLanguageModel({ name, text: cardText })
  await page.locator('[aria-live=polite]').getByText(`“${name}” is ready.`).waitFor()
  expect(await page.title()).toBe(`✓ ${name} · Models`)
})

test('a ready model is deployed from its card, and the refusal to delete it links to the deployment', async () => {
  const models = modelsOf(api)
  const { model } = await models.createLanguageModel({ name: 'In use', text: cardText }, 'CONVERSATIONAL')
  for await (const change of models.watch(model.id)) if (change.status === 'FAILED') throw new Error(change.message)
  const { page } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('link', { name: 'Deploy In use' }).click()
  await page
    .getByRole('group', { name: 'Language model' })
    .getByRole('radio', { name: /^In use/, checked: true })
    .waitFor()
  await page.getByLabel('Name', { exact: true }).fill('Card table')
  await page.getByRole('group', { name: 'Acoustic model' }).getByRole('radio', { checked: true }).waitFor()
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await rowOf(page, 'Card table').waitFor()
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('button', { name: 'Delete In use' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('link', { name: 'Open “Card table”' }).click()
  await page.getByRole('heading', { level: 1, name: 'Card table' }).waitFor()
})
