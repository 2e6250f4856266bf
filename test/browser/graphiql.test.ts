// GraphiQL with a key in its pane of headers, and with the cookie of the dashboard.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'
import { openBrowser, openTab } from './browser.ts'

let api: Service
let browser: Browser
beforeAll(async () => {
  ;[api, browser] = await Promise.all([openTestService({ ROLES: 'api' }), openBrowser()])
})
afterAll(() => Promise.all([api.close(), browser.close()]))

const query = 'subscription { deploymentStatusChanged { ... on DeploymentStatusChange { status deployment { name } } } }'
const resultOf = (page: Page) => page.getByRole('region', { name: 'Result Window' })
const run = (page: Page) => page.getByRole('button', { name: /^Execute query/ }).click()

async function open() {
  const tab = await openTab(browser)
  await tab.page.goto(`${api.localUrl}/graphql?query=${encodeURIComponent(query)}`)
  await tab.page.getByRole('button', { name: /^Execute query/ }).waitFor()
  return tab
}

async function typeHeaders(page: Page, headers: object) {
  await page.getByRole('button', { name: 'Headers', exact: true }).click()
  await page.getByRole('region', { name: 'Headers' }).getByRole('code').click()
  await page.keyboard.insertText(JSON.stringify(headers))
}

/** Creates deployments until the page shows one: the subscription can begin later than the first creation. */
async function seeDeployment(page: Page) {
  const shown = resultOf(page)
    .getByText(/QUEUED/)
    .first()
  const created = (async () => {
    for (let isShown = false; !isShown; isShown = await shown.isVisible()) await api.create({ name: `Shown ${crypto.randomUUID()}` })
  })()
  await created
  expect(await resultOf(page).textContent()).toContain('Shown')
}

test('subscriptions of GraphiQL use the key in the pane of headers', async () => {
  const { page } = await open()
  await typeHeaders(page, { Authorization: `Bearer ${api.key}` })
  await run(page)
  await seeDeployment(page)
})

test('subscriptions of GraphiQL use the cookie, and the page does not violate its security policy', async () => {
  const workers: string[] = []
  const tab = await openTab(browser)
  tab.page.on('worker', (worker) => workers.push(new URL(worker.url()).pathname))
  await tab.page.goto(`${api.localUrl}/graphql?query=${encodeURIComponent(query)}#key=${api.key}`)
  await tab.page.getByRole('button', { name: /^Execute query/ }).waitFor()
  await run(tab.page)
  await seeDeployment(tab.page)
  await expect.poll(() => workers.join()).toMatch(/graphql-worker/)
  expect(tab.complaints).toEqual([])
})

test('without a key GraphiQL shows how to send one', async () => {
  const { page } = await open()
  await run(page)
  await resultOf(page).getByText('UNAUTHENTICATED').first().waitFor()
  // The editor writes no-break spaces.
  expect((await resultOf(page).textContent())?.replace(/\s+/g, ' ')).toContain('The request has no valid key')
})

test('GraphiQL has a title and a link to the dashboard', async () => {
  const { page } = await open()
  expect(await page.title()).toBe('GraphiQL – custom-speech')
  await page.getByRole('link', { name: 'Dashboard' }).click()
  await page.waitForURL(`${api.localUrl}/`)
})
