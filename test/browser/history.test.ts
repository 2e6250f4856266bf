// The browser's Back button, the pages of the list, and drafts.
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readStoredColumns } from '../support/postgres.ts'
import { openTestService, type Service } from '../support/service.ts'
import { openBrowser, openDashboard, openModelForm } from './browser.ts'

const many = 120

let api: Service
let browser: Browser
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  const { deployment } = await api.create({ name: 'Number 000' })
  const id = Buffer.from(deployment.id, 'base64').toString().split(':')[1] ?? ''
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  const columns = await readStoredColumns(sql, 'deployments')
  await sql`insert into deployments (${sql(columns)}) select ${sql(columns)} from (select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(), 'name', 'Number ' || lpad(n::text, 3, '0')))).*
    from deployments d, generate_series(1, ${many - 1}) n where d.id = ${id}) as copies`
  await sql.end()
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

const names = (page: Page) => page.getByRole('rowheader').allTextContents()
const first = (page: Page, name: string) => expect.poll(async () => (await names(page))[0]).toMatch(new RegExp(`^${name}`))

test('each page of the list shows its range, is a step in the history and begins at its top', async () => {
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

test('Back undoes a filter, an order and a whole search in one step each', async () => {
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

test('a search or filter without results shows the next step', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByRole('button', { name: /^Failed/ }).click()
  await page.getByText('Try another search or clear the filters.').waitFor()
  expect(await page.getByText('0 deployments').count()).toBe(0)
  await page.getByRole('button', { name: 'Clear filters' }).click()
  await page.getByText(`1–50 of ${many} deployments`).waitFor()
})

describe('a draft is not lost without a question', () => {
  const question = (page: Page, name = 'Discard your changes?') => page.getByRole('alertdialog', { name })
  const keep = (page: Page, label = 'Keep editing') => page.getByRole('button', { name: label }).click()

  test('a link or Back asks before it leaves the form of a new deployment', async () => {
    const { page, complaints } = await openDashboard(browser, api)
    await page.getByRole('link', { name: 'Models' }).click()
    await page.getByRole('heading', { level: 1, name: /^Models/ }).waitFor()
    await page.getByRole('link', { name: 'Deployments' }).click()
    await page.getByRole('link', { name: /^Create/ }).click()
    const name = page.getByLabel('Name', { exact: true })
    // No question for an untouched form.
    await name.waitFor()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
    await page.goForward()
    await name.fill('Unsaved')
    const address = page.url()
    for (const leave of [() => page.goBack(), () => page.getByRole('link', { name: 'Keys' }).click(), () => page.evaluate('history.go(-2)')]) {
      await leave()
      await question(page).waitFor()
      await keep(page)
      await question(page).waitFor({ state: 'detached' })
      expect(await name.inputValue()).toBe('Unsaved')
      await expect.poll(() => page.url()).toBe(address)
    }
    await page.getByRole('link', { name: 'Keys' }).click()
    await question(page).getByRole('button', { name: 'Discard' }).click()
    await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
    await page.goBack()
    await name.fill('Unsaved again')
    await page.evaluate('history.go(-2)')
    await question(page).getByRole('button', { name: 'Discard' }).click()
    await page.getByRole('heading', { level: 1, name: /^Models/ }).waitFor()
    expect(complaints).toEqual([])
  })

  test('Back asks before it leaves a dialog or the secret of a new key', async () => {
    const { page, dialog } = await openModelForm(browser, api, 'language')
    await dialog.getByLabel('Text').fill('the four of clubs')
    await page.goBack()
    await question(page).waitFor()
    await keep(page)
    expect(await dialog.getByLabel('Text').inputValue()).toBe('the four of clubs')
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('link', { name: 'Keys' }).click()
    await page.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByLabel('Name').fill('Not copied yet')
    await dialog.getByRole('button', { name: 'Create', exact: true }).click()
    await dialog.locator('code').waitFor()
    await page.goBack()
    await question(page, 'Leave this page?').waitFor()
    await keep(page, 'Stay')
    expect(await dialog.locator('code').textContent()).toMatch(/^cs_/)
    await page.getByRole('button', { name: 'Done' }).click()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: /^Models/ }).waitFor()
  })

  test('closing or reloading the tab asks before it loses entries, and not after they are saved', async () => {
    const { page } = await openDashboard(browser, api)
    await page.getByRole('link', { name: /^Create/ }).click()
    const name = page.getByLabel('Name', { exact: true })
    await name.fill('Draft')
    const asked = page.waitForEvent('dialog')
    const closed = page.close({ runBeforeUnload: true })
    const dialog = await asked
    expect(dialog.type()).toBe('beforeunload')
    await dialog.dismiss()
    await closed
    expect(await name.inputValue()).toBe('Draft')
    for (const group of ['Acoustic model', 'Language model'])
      await page.getByRole('group', { name: group }).getByRole('radio', { disabled: false }).first().check()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('rowheader', { name: /^Draft/ }).waitFor()
    await page.reload()
    await page.getByRole('rowheader', { name: /^Draft/ }).waitFor()
  })
})
