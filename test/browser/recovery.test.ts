// Reads that fail, files that are not there, addresses that lead nowhere.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'
import { openBrowser, openDashboard, openTab } from './browser.ts'

let api: Service
let browser: Browser
let id: string
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  id = (await api.create({ name: 'Front desk' })).deployment.id
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

const pages = () => [
  ['/', 'Can’t reach the server'],
  ['/new', 'Models can’t be loaded'],
  ['/models', 'Models can’t be loaded'],
  ['/keys', 'Keys can’t be loaded'],
  [`/deployments/${encodeURIComponent(id)}`, 'The deployment can’t be loaded'],
]

describe('a page whose reads fail while the socket stays says so, and recovers', () => {
  test.each(['abort', '502'] as const)('by itself, %s', async (fault) => {
    const { page } = await openDashboard(browser, api)
    for (const [path = '', title = ''] of pages()) {
      // Everything but the viewer fails, as for a page that is opened from within.
      let isBroken = true
      await page.route('**/graphql', (route) => {
        const isStart = route.request().postData()?.includes('query Start')
        if (!isBroken || (isStart && path !== '/')) return route.continue()
        return fault === 'abort' ? route.abort() : route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' })
      })
      await page.goto(api.localUrl + path)
      await page.getByRole('heading', { level: 1, name: title }).waitFor()
      await page.getByRole('button', { name: 'Try again' }).waitFor()
      isBroken = false
      await page.getByRole('heading', { level: 1, name: title }).waitFor({ state: 'detached' })
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.unroute('**/graphql')
    }
  })

  test('at once with Try again', async () => {
    const { page } = await openDashboard(browser, api)
    await page.clock.install()
    for (const path of ['/new', '/models']) {
      await page.route('**/graphql', (route) => (route.request().postData()?.includes('query Start') ? route.continue() : route.abort()))
      await page.goto(api.localUrl + path)
      const again = page.getByRole('button', { name: 'Try again' })
      await again.waitFor()
      await page.unroute('**/graphql')
      await again.click()
      await page.getByText('Search and Dictation').first().waitFor()
    }
  })
})

test('a page that was never opened says offline that it cannot be loaded, and comes when the server is back', async () => {
  const { page } = await openTab(browser)
  await page.route('**/assets/{models,keys}-*.js', (route) => route.abort())
  await page.goto(`${api.localUrl}/#key=${api.key}`)
  await page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
  await page.context().setOffline(true)
  await page.getByRole('link', { name: 'Keys' }).click()
  await page.getByRole('heading', { level: 1, name: 'This page can’t be loaded' }).waitFor()
  // The rest is still there.
  await page.getByRole('link', { name: 'Deployments' }).click()
  await page.getByRole('rowheader', { name: 'Front desk' }).waitFor()
  await page.getByRole('link', { name: 'Keys' }).click()
  await page.unroute('**/assets/{models,keys}-*.js')
  await page.context().setOffline(false)
  await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
})

test('the other pages are fetched ahead, so that they open offline', async () => {
  const { page } = await openTab(browser)
  const fetched = Promise.all(
    ['create', 'deployment', 'keys', 'models'].map((name) => page.waitForResponse((response) => response.url().includes(`/assets/${name}-`))),
  )
  await page.goto(`${api.localUrl}/#key=${api.key}`)
  await fetched
  await page.getByRole('link', { name: 'Keys' }).click()
  await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
  await page.context().setOffline(true)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByText('The server does not answer. This page tries again automatically.').waitFor()
})

describe('an unknown address', () => {
  test('shows a browser the page that says so, with a way on, and status 404', async () => {
    const { page } = await openDashboard(browser, api)
    for (const path of ['/foo', '/settings/profile', '/models/x', '/deployments/a/b', '/%E0%A4%A']) {
      const response = await page.goto(api.localUrl + path)
      expect(response?.status(), path).toBe(404)
      await page.getByRole('heading', { level: 1, name: 'Page not found' }).waitFor()
      await page.getByRole('link', { name: 'Go to deployments' }).click()
      await page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
    }
  })

  test('that is nearly right leads to the page', async () => {
    const { page } = await openDashboard(browser, api)
    for (const [typed, path] of [
      ['/deployments', '/'],
      ['/deployments/', '/'],
      ['/models/', '/models'],
      [`/deployments/${encodeURIComponent(id)}/`, `/deployments/${encodeURIComponent(id)}`],
    ]) {
      const response = await page.goto(`${api.localUrl}${typed}?locale=en-US`)
      expect(response?.status()).toBe(200)
      expect(new URL(page.url())).toMatchObject({ pathname: path, search: '?locale=en-US' })
    }
  })

  test('of a deployment that is gone leads back to the list', async () => {
    const { page } = await openDashboard(browser, api)
    await page.goto(`${api.localUrl}/deployments/RGVwbG95bWVudDo5`)
    await page.getByRole('heading', { level: 1, name: 'Deployment not found' }).waitFor()
    expect(await page.title()).toBe('Deployment not found')
    await page.getByRole('link', { name: 'Back to deployments' }).click()
    await page.getByRole('rowheader', { name: 'Front desk' }).waitFor()
  })

  test('answers programs with JSON', async () => {
    for (const accept of ['application/json', '*/*', undefined]) {
      const response = await fetch(`${api.localUrl}/foo`, { headers: accept ? { accept } : {} })
      expect(response.status).toBe(404)
      expect((await response.json()).detail).toContain('The API is at /graphql.')
    }
    const posted = await fetch(`${api.localUrl}/foo`, { method: 'POST', headers: { accept: 'text/html' } })
    expect(posted.status).toBe(404)
    expect(posted.headers.get('content-type')).toMatch(/^application\/.*json/)
  })
})
