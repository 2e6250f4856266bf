// Failed reads, missing files and unknown addresses.
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

describe('a page whose reads fail while the socket is open recovers', () => {
  test.each(['abort', '502'] as const)('a page whose reads fail shows the problem and recovers automatically, %s', async (fault) => {
    const { page } = await openDashboard(browser, api)
    for (const [path = '', title = ''] of pages()) {
      // All reads but the viewer's fail, as for a page that is opened by a link.
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

  test('a page whose reads fail recovers at once with Try again', async () => {
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

test('a page whose script is missing shows this offline and loads when the network is back', async () => {
  const { page } = await openTab(browser)
  await page.route('**/assets/{models,keys}-*.js', (route) => route.abort())
  await page.goto(`${api.localUrl}/#key=${api.key}`)
  await page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
  await page.context().setOffline(true)
  await page.getByRole('link', { name: 'Keys' }).click()
  await page.getByRole('heading', { level: 1, name: 'This page can’t be loaded' }).waitFor()
  // Loaded pages still work.
  await page.getByRole('link', { name: 'Deployments' }).click()
  await page.getByRole('rowheader', { name: 'Front desk' }).waitFor()
  await page.getByRole('link', { name: 'Keys' }).click()
  await page.unroute('**/assets/{models,keys}-*.js')
  await page.context().setOffline(false)
  await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
})

test('the other pages are preloaded, so that they open offline', async () => {
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
  test('an unknown address shows a page with a link and has the status 404', async () => {
    const { page } = await openDashboard(browser, api)
    for (const path of ['/foo', '/settings/profile', '/models/a/b', '/deployments/a/b', '/%E0%A4%A']) {
      const response = await page.goto(api.localUrl + path)
      expect(response?.status(), path).toBe(404)
      await page.getByRole('heading', { level: 1, name: 'Page not found' }).waitFor()
      await page.getByRole('link', { name: 'Go to deployments' }).click()
      await page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
    }
  })

  test('an address with a missing or extra slash leads to its page', async () => {
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

  test('the address of a deleted deployment links back to the list', async () => {
    const { page } = await openDashboard(browser, api)
    await page.goto(`${api.localUrl}/deployments/RGVwbG95bWVudDo5`)
    await page.getByRole('heading', { level: 1, name: 'Deployment not found' }).waitFor()
    expect(await page.title()).toBe('Deployment not found')
    await page.getByRole('link', { name: 'Back to deployments' }).click()
    await page.getByRole('rowheader', { name: 'Front desk' }).waitFor()
  })

  test('an unknown address answers programs with JSON', async () => {
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
