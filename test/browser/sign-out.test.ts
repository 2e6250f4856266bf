// Sign-outs that the server cannot carry out.
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'
import { openBrowser, openDashboard } from './browser.ts'

let api: Service
let browser: Browser
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  browser = await openBrowser()
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await browser.close()
  await sql.end()
  await api.close()
})

async function signOut(page: Page) {
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
}

const messageOf = (page: Page, text: string) => page.locator('[aria-live=polite]').getByText(text)

async function expectSignedOut(page: Page) {
  await page.getByRole('heading', { name: 'Sign in to custom-speech' }).waitFor()
  expect(await page.context().cookies()).toEqual([])
}

/** Makes the server unable to end sessions until the test is over or the returned function is called. */
async function keepSessions(): Promise<() => Promise<void>> {
  await sql`create or replace function keep_sessions() returns trigger language plpgsql as $$ begin raise exception 'sessions are kept'; end $$`
  await sql`create trigger keep_sessions before delete on sessions for each row execute function keep_sessions()`
  const release = async () => void (await sql`drop trigger if exists keep_sessions on sessions`)
  onTestFinished(release)
  return release
}

test('a sign-out that the server refuses with 503 keeps the session, and a second sign-out ends it', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Keys' }).click()
  const keys = page.getByRole('heading', { level: 1, name: 'Keys' })
  await keys.waitFor()
  const release = await keepSessions()
  await signOut(page)
  await messageOf(page, 'You are still signed in: the server could not end the session (503). Try again in a moment.').waitFor()
  await page.reload()
  await keys.waitFor()
  await release()
  await signOut(page)
  await expectSignedOut(page)
})

test('a sign-out without a network says that the session may go on, and succeeds when the network is back', async () => {
  const { page } = await openDashboard(browser, api)
  await page.context().setOffline(true)
  await signOut(page)
  await messageOf(page, 'You may still be signed in: the server does not answer.').waitFor()
  await page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
  await page.context().setOffline(false)
  await signOut(page)
  await expectSignedOut(page)
})

test('a sign-out whose answer is lost ends the session, and the page goes to the sign-in', async () => {
  const { page } = await openDashboard(browser, api)
  await page.getByText('Live', { exact: true }).waitFor()
  await page.route('**/session', async (route) => {
    await route.fetch()
    await route.abort()
  })
  await signOut(page)
  await page.getByRole('heading', { name: 'Sign in to custom-speech' }).waitFor()
})

test('a sign-out without an answer says after 20 seconds that the session may go on', async () => {
  const { page } = await openDashboard(browser, api)
  await page.route('**/session', () => {})
  await signOut(page)
  await messageOf(page, 'You may still be signed in: the server does not answer.').waitFor()
  await page.unroute('**/session')
  await signOut(page)
  await expectSignedOut(page)
})
