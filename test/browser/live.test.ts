// Changes made elsewhere appear in an open page, also after a lost connection.
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Browser } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDirectory, readStoredColumns } from '../support/postgres.ts'
import { openTestService, type Service, startTestService } from '../support/service.ts'
import { createByForm, openBrowser, openDashboard, openTabBeside, rowOf } from './browser.ts'
import { launchServer } from './server.ts'

// No jobs run here, so deployments stay QUEUED until a test changes them.
let api: Service
let sql: postgres.Sql
let browser: Browser
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_DEPLOYMENTS: '3000', CATALOG: await catalogOfTwoLocales() })
  sql = postgres(api.databaseUrl, { max: 2, onnotice: () => {} })
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await sql.end()
  await api.close()
})

/** The shipped catalog with a copy of the English models for German. */
async function catalogOfTwoLocales(): Promise<string> {
  const dir = join(await makeDirectory(), 'catalog')
  await cp(resolve(import.meta.dirname, '../../src/catalog'), dir, { recursive: true })
  const file = join(dir, 'catalog.json')
  const catalog = JSON.parse(await readFile(file, 'utf8'))
  catalog.locales['de-DE'] = catalog.locales['en-US']
  const english = catalog.models.filter(({ locale }: { locale: string }) => locale === 'en-US')
  catalog.models.push(...english.map((model: { id: string }) => ({ ...model, id: model.id.replace('0000000000', '1000000000'), locale: 'de-DE' })))
  await writeFile(file, JSON.stringify(catalog))
  return file
}

test('two tabs show the same changes', async () => {
  const { page: first } = await openDashboard(browser, api)
  const { page: second } = await openTabBeside(first)
  await second.goto(api.localUrl)
  await second.getByText('Live', { exact: true }).waitFor()
  await first.bringToFront()
  await createByForm(first, 'Seen twice')
  await rowOf(second, 'Seen twice').getByText('Queued').waitFor()
  await second.bringToFront()
  await rowOf(second, 'Seen twice').getByRole('button', { name: 'Actions' }).click()
  await second.getByRole('menuitem', { name: 'Cancel' }).click()
  await rowOf(first, 'Seen twice').getByText('Canceled').waitFor()
  await first.bringToFront()
  await rowOf(first, 'Seen twice').getByRole('button', { name: 'Actions' }).click()
  await first.getByRole('menuitem', { name: 'Retry' }).click()
  await rowOf(second, 'Seen twice').getByText('Queued').waitFor()
  await second.getByRole('button', { name: /^In progress 1/ }).waitFor()
  await rowOf(first, 'Seen twice').getByRole('button', { name: 'Actions' }).click()
  await first.getByRole('menuitem', { name: 'Delete' }).click()
  await first.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await rowOf(second, 'Seen twice').waitFor({ state: 'detached' })
})

test('a model that does not fit is disabled with the reason, and the server refuses it from a stale page', async () => {
  const { page } = await openDashboard(browser, api)
  await page
    .getByRole('link', { name: /^Create/ })
    .first()
    .click()
  await page.getByLabel('Name', { exact: true }).fill('Mixed')
  await page
    .getByRole('group', { name: 'Acoustic Model' })
    .getByRole('radio', { name: /^Conversational/ })
    .check()
  const unfit = page.getByRole('group', { name: 'Language Model' }).getByRole('radio', { name: /^Search and Dictation/ })
  await page.getByText('does not mix with Conversational').waitFor()
  expect(await unfit.isDisabled()).toBe(true)
  expect(
    await page
      .getByRole('group', { name: 'Language Model' })
      .getByRole('radio', { name: /^Conversational/ })
      .isChecked(),
  ).toBe(true)
  // Without the preflight the page does not know the rule.
  await page.route('**/graphql', (route) => (route.request().postData()?.includes('query Preflight') ? route.abort() : route.continue()))
  await page.reload()
  await page.getByLabel('Name', { exact: true }).fill('Mixed')
  await page
    .getByRole('group', { name: 'Acoustic Model' })
    .getByRole('radio', { name: /^Conversational/ })
    .check()
  await unfit.check()
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('group', { name: 'Language Model' }).getByRole('alert').getByText('Choose two models of the same scenario').waitFor()
  expect((await api.ask('{ deployments { totalCount } }')).data?.deployments.totalCount).toBe(0)
})

test('errors of the server appear at their fields before and after the form is sent', async () => {
  await api.create({ name: 'Taken' })
  const { page } = await openDashboard(browser, api)
  await page
    .getByRole('link', { name: /^Create/ })
    .first()
    .click()
  await page
    .getByRole('group', { name: 'Acoustic Model' })
    .getByRole('radio', { name: /^Conversational/ })
    .check()
  await page.getByLabel('Name', { exact: true }).fill('taken')
  await page.getByRole('alert').getByText('A deployment named "taken" already exists').waitFor()
  expect(await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid')).toBe('true')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('alert').getByText('already exists').waitFor()
  await page.getByLabel('Name', { exact: true }).fill('Free')
  await page.getByRole('alert').waitFor({ state: 'detached' })
})

test('a failure of the server is shown with its log id, and the form can be sent again', async () => {
  const { page } = await openDashboard(browser, api)
  const errors = [{ message: 'Something went wrong on the server.', extensions: { code: 'INTERNAL_SERVER_ERROR', id: '1b9d6bcd' } }]
  await page.route('**/graphql', (route) => (route.request().postData()?.includes('query BaseModels') ? route.fulfill({ json: { errors } }) : route.continue()))
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('alert').getByText('Something went wrong on the server. (1b9d6bcd)').waitFor()
  await page.unroute('**/graphql')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: 'Acoustic models' }).waitFor()
})

test('the locale can be searched and changed, is in the URL and is remembered', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByRole('heading', { name: 'Deployments, English (United States)' }).waitFor()
  await page.getByRole('button', { name: 'Change Locale' }).click()
  await page.getByRole('combobox', { name: 'Search locales' }).fill('deut')
  await page.getByRole('option', { name: /German \(Germany\).*de-DE · 0 deployments · 4 models/ }).waitFor()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'No deployments for German (Germany) yet' }).waitFor()
  expect(page.url()).toContain('locale=de-DE')
  await page.goto(api.localUrl)
  await page.getByRole('heading', { name: 'Deployments, German (Germany)' }).waitFor()
})

test('a deployment can be deleted while it is provisioned', async () => {
  const working = await startTestService()
  const { page } = await openDashboard(browser, working)
  await createByForm(page, 'Short-lived')
  await rowOf(page, 'Short-lived').getByText('Provisioning', { exact: true }).waitFor()
  await rowOf(page, 'Short-lived').getByRole('button', { name: 'Actions' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('heading', { name: 'No deployments' }).waitFor()
})

test('a page recovers without a lost change when the server is killed and restarted during provisioning', async () => {
  const first = await launchServer()
  const { page } = await openDashboard(browser, first)
  await createByForm(page, 'Survivor')
  await rowOf(page, 'Survivor').getByText('Provisioning', { exact: true }).waitFor()
  await first.kill()
  await page.getByText('Reconnecting').waitFor()
  await first.restart()
  await page.getByText('Live', { exact: true }).waitFor()
  await page.getByRole('link', { name: 'Survivor' }).waitFor()
})

test('a list of a thousand deployments stays responsive while they change', async () => {
  const { deployment } = await api.create({ name: 'Number 0' })
  const id = Buffer.from(deployment.id, 'base64').toString().split(':')[1] ?? ''
  const columns = await readStoredColumns(sql, 'deployments')
  await sql`insert into deployments (${sql(columns)}) select ${sql(columns)} from (select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(), 'name', 'Number ' || n, 'status', (array['COMPLETE', 'FAILED', 'CANCELED'])[1 + n % 3]))).*
    from deployments d, generate_series(1, 999) n where d.id = ${id}) as copies`
  const { page } = await openDashboard(browser, api)
  await page.getByText(/^1–50 of 1,00\d deployments/).waitFor()
  await page.evaluate(`globalThis.longest = 0; let last = performance.now(); (function frame() {
    const now = performance.now(); longest = Math.max(longest, now - last); last = now; requestAnimationFrame(frame) })()`)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'Name', exact: true }).click()
  await page.getByRole('button', { name: /^Failed/ }).click()
  await page.getByRole('searchbox').fill('Number 99')
  await page.getByText(/^\d+ deployments/).waitFor()
  await page.getByRole('searchbox').fill('')
  await page.getByRole('button', { name: /^All/ }).click()
  await Promise.all(Array.from({ length: 40 }, (_, n) => api.create({ name: `Late ${n}` })))
  await page.getByText(/^1–50 of 1,04\d deployments/).waitFor()
  const longest = (await page.evaluate('longest')) as number
  console.log(`1,000 rows: the longest frame took ${longest.toFixed(0)} ms`)
  expect(longest).toBeLessThan(500)
})
