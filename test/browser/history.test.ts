// The browser's Back button, and what a turn of the page does.
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestService, type Service } from '../service.ts'
import { openBrowser, openDashboard } from './browser.ts'

const many = 120

let api: Service
let browser: Browser
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  const { deployment } = await api.create({ name: 'Number 000' })
  const id = Buffer.from(deployment.id, 'base64').toString().split(':')[1] ?? ''
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  await sql`insert into deployments select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(), 'name', 'Number ' || lpad(n::text, 3, '0')))).*
    from deployments d, generate_series(1, ${many - 1}) n where d.id = ${id}`
  await sql.end()
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

const names = (page: Page) => page.getByRole('rowheader').allTextContents()
const first = (page: Page, name: string) => expect.poll(async () => (await names(page))[0]).toMatch(new RegExp(`^${name}`))

test('each page has its range and its place in the history, and is read from its top', async () => {
  const { page } = await openDashboard(browser, api)
  await page.goto(`${api.localUrl}/?sort=NAME`)
  const pager = page.getByRole('navigation', { name: 'Pages' })
  await pager.getByText(`1–50 of ${many} deployments`).waitFor()
  await pager.getByRole('button', { name: 'Next' }).click()
  await pager.getByText(`51–100 of ${many} deployments`).waitFor()
  await first(page, 'Number 050')
  await expect.poll(() => page.evaluate('document.activeElement.className')).toContain('table-card')
  expect(
    await page
      .getByRole('rowheader')
      .first()
      .evaluate((row) => row.getBoundingClientRect().top),
  ).toBeGreaterThan(58)
  expect(
    await page
      .getByRole('rowheader')
      .first()
      .evaluate((row) => row.getBoundingClientRect().top),
  ).toBeLessThan(400)
  await pager.getByRole('button', { name: 'Next' }).click()
  await pager.getByText(`101–${many} of ${many} deployments`).waitFor()
  await page.goBack()
  await pager.getByText(`51–100 of ${many} deployments`).waitFor()
  await first(page, 'Number 050')
  await page.goForward()
  await first(page, 'Number 100')
  await pager.getByRole('button', { name: 'Previous' }).click()
  await pager.getByText(`51–100 of ${many} deployments`).waitFor()
  await pager.getByRole('button', { name: 'Previous' }).click()
  await pager.getByText(`1–50 of ${many} deployments`).waitFor()
  await page.reload()
  await pager.getByText(`1–50 of ${many} deployments`).waitFor()
})

test('Back undoes a filter, an order and a whole search, one step each', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByRole('button', { name: /^Queued|^In progress/ }).click()
  await page.getByRole('button', { name: /^In progress/, pressed: true }).waitFor()
  await page.getByRole('button', { name: 'Name', exact: true }).click()
  await first(page, 'Number 000')
  const search = page.getByRole('searchbox')
  await search.pressSequentially('Number 01', { delay: 300 })
  await page.getByText('10 deployments', { exact: true }).waitFor()
  await page.goBack()
  await page.getByText(`1–50 of ${many} deployments`).waitFor()
  expect(await search.inputValue()).toBe('')
  expect(page.url()).toContain('sort=NAME')
  await page.goBack()
  await expect.poll(() => page.url()).not.toContain('sort=')
  await page.goBack()
  await page.getByRole('button', { name: /^All/, pressed: true }).waitFor()
})

test('nothing found says what to do, whether by a search or by a filter', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByRole('button', { name: /^Failed/ }).click()
  await page.getByText('Try another search or clear the filters.').waitFor()
  expect(await page.getByText('0 deployments').count()).toBe(0)
  await page.getByRole('button', { name: 'Clear filters' }).click()
  await page.getByText(`1–50 of ${many} deployments`).waitFor()
})
