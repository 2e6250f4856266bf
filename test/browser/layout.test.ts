// Narrow windows and forced colors, checked with axe.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cardText, modelsOf } from '../support/models.ts'
import { readStoredColumns } from '../support/postgres.ts'
import { openTestService, type Service } from '../support/service.ts'
import { findViolations, openBrowser, openDashboard, openTab, rowOf } from './browser.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const longName = 'A_name_without_a_single_blank_that_is_wider_than_a_telephone_and_has_to_be_broken_somewhere'

let api: Service
let browser: Browser
let deploymentId: string
beforeAll(async () => {
  api = await openTestService()
  const deployed = await api.deploy('CONVERSATIONAL')
  deploymentId = deployed.deploymentId
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  const id = Buffer.from(deploymentId, 'base64').toString().split(':')[1] ?? ''
  const columns = await readStoredColumns(sql, 'deployments')
  await sql`insert into deployments (${sql(columns)}) select ${sql(columns)} from (select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(), 'name', ${longName}::text, 'description', ${longName}::text))).* from deployments d where d.id = ${id}) as copies`
  await sql`insert into deployments (${sql(columns)}) select ${sql(columns)} from (select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(), 'name', 'Number ' || n))).* from deployments d, generate_series(1, 60) n where d.id = ${id}) as copies`
  await sql`insert into deleted_deployments select uuidv7(), workspace_id, ${longName}, ${longName}, locale, acoustic_model_id, language_model_id, 1, 1 from deployments where id = ${id}`
  await sql.end()
  await modelsOf(api).createLanguageModel({ name: longName, text: cardText })
  await api.ask(
    'mutation ($name: String!) { createKey(input: { name: $name, scopes: [RECOGNIZE, READ, MANAGE], expiresAt: "2099-01-01T00:00:00Z" }) { __typename } }',
    {
      name: longName,
    },
  )
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

/** Every page: its path, and a text that appears when all data have been read. */
const pages = (): [path: string, sign: string][] => [
  ['/?sort=NAME', longName],
  ['/?q=nothing-like-it', 'No deployment matches'],
  ['/?locale=es-ES', 'No deployments for'],
  ['/new?locale=en-US', 'Search and Dictation'],
  ['/models?locale=en-US', longName],
  ['/keys', longName],
  ['/test-sets?locale=en-US', 'No test sets'],
  ['/deleted?locale=en-US', longName],
  [`/deployments/${encodeURIComponent(deploymentId)}`, 'Testing the endpoint'],
  ['/deployments/none', 'Deployment not found'],
  ['/models/none', 'Model not found'],
  ['/no/such/page', 'Page not found'],
]

const overflow = (page: Page) => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

describe('at 320 px', () => {
  test('at 320 px no page scrolls sideways, and axe finds nothing', async () => {
    const source = await readFile(axe, 'utf8')
    const { page } = await openTab(browser, { viewport: { width: 320, height: 640 } })
    await page.goto(api.localUrl)
    await page.getByLabel('Key', { exact: true }).waitFor()
    expect(await overflow(page), 'sign-in').toBe(0)
    await page.goto(`${api.localUrl}/#key=${api.key}`)
    await page.getByText('Live', { exact: true }).waitFor({ state: 'attached' })
    for (const [path, sign] of pages()) {
      await page.goto(api.localUrl + path)
      await page.getByText(sign).first().waitFor()
      expect(await overflow(page), path).toBe(0)
      expect(await findViolations(page, source), path).toEqual([])
    }
  })

  test('at 320 px no dialog scrolls sideways, and the account menu is reachable', async () => {
    const { page } = await openDashboard(browser, api, { viewport: { width: 320, height: 640 } })
    const account = await page.getByRole('button', { name: 'Account' }).boundingBox()
    expect((account?.x ?? 999) + (account?.width ?? 999)).toBeLessThanOrEqual(320)
    for (const [path, opener] of [
      ['/models', 'Create language model'],
      ['/models', 'Create acoustic model'],
      ['/models', `Edit ${longName}`],
      ['/keys', 'Create key'],
      ['/test-sets', 'Create test set'],
      ['/', 'Change Locale'],
    ] as const) {
      await page.goto(api.localUrl + path)
      await page.getByRole('button', { name: opener }).click()
      await page.getByRole('dialog').waitFor()
      const width = '(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector("[role=dialog]"))'
      expect(await page.evaluate(width), opener).toBe(0)
      expect(await overflow(page), opener).toBe(0)
    }
  })

  test('at 320 px a long name ends before the button of its row, and each cell has its label', async () => {
    const { page } = await openDashboard(browser, api, { viewport: { width: 320, height: 640 } })
    const deploymentLabels = ['"Acoustic"', '"Language"', '"Status"', '"Created"']
    for (const [path, button, expected] of [
      ['/?sort=NAME', `Actions for ${longName}`, deploymentLabels],
      ['/keys', `Revoke ${longName}`, ['"Permissions"', '"Last used"', '"Created"', '"Expires"']],
      ['/deleted', `Restore ${longName}`, ['"Deleted"', '"Until"']],
    ] as const) {
      await page.goto(api.localUrl + path)
      const row = page.locator('tr', { hasText: longName }).first()
      const name = await row.locator('.name').evaluate((cell) => {
        const range = cell.ownerDocument.createRange()
        // The description below the name is cut off on purpose.
        range.selectNode(cell.firstChild ?? cell)
        return range.getBoundingClientRect().right
      })
      const box = await row.getByRole('button', { name: button }).boundingBox()
      expect(name, path).toBeLessThanOrEqual(box?.x ?? 0)
      const labels = await row.locator('[data-label]').evaluateAll((cells) => cells.map((cell) => getComputedStyle(cell, '::before').content))
      expect(labels, path).toEqual(expected)
      if (path === '/keys') await page.getByText('Jan 1, 2099').waitFor()
    }
    // The list can be sorted without the table's head.
    await page.goto(api.localUrl)
    await page.getByRole('button', { name: 'Name', exact: true }).click()
    await expect.poll(() => page.url()).toContain('sort=NAME')
  })
})

test('on a phone a lost connection has a separate icon', async () => {
  const { page } = await openDashboard(browser, api, { viewport: { width: 375, height: 640 } })
  await page.getByText('Live', { exact: true }).waitFor({ state: 'attached' })
  expect(await page.locator('.connection .icon').count()).toBe(0)
  await page.routeWebSocket('**/graphql', (socket) => socket.close())
  await page.reload()
  await page.locator('.connection.lost .icon').waitFor()
})

test('links and buttons in lists are at least 24 px high', async () => {
  const { page } = await openDashboard(browser, api)
  for (const [path, sign] of pages()) {
    await page.goto(api.localUrl + path)
    await page.getByText(sign).first().waitFor()
    const small = await page
      .locator(':is(table, dl, .filters, .pages, .head, nav) :is(a, button)')
      .evaluateAll((all) => all.filter((each) => each.getBoundingClientRect().height < 23.9).map((each) => each.outerHTML))
    expect(small, path).toEqual([])
  }
})

test('a message does not cover the buttons of rows', async () => {
  const { page } = await openDashboard(browser, api)
  await page.goto(`${api.localUrl}/?q=Number`)
  await rowOf(page, 'Number 60').getByRole('button').waitFor()
  const buttons = await page.locator('.row-end button').first().boundingBox()
  await page.evaluate('document.querySelector(".news").innerHTML = "<div class=news-item>A message</div>"')
  const news = await page.locator('.news').boundingBox()
  expect((news?.x ?? 0) + (news?.width ?? 999)).toBeLessThan(buttons?.x ?? 0)
})

describe('in forced colors', () => {
  const outline = (page: Page, name: string) => page.getByRole('button', { name }).evaluate((each) => getComputedStyle(each).outlineStyle)

  test('in forced colors the current page, the pressed filter and the chosen mode differ from the others', async () => {
    const source = await readFile(axe, 'utf8')
    const { page } = await openDashboard(browser, api, { forcedColors: 'active' })
    const links = await page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link')
      .evaluateAll((all) => all.map((each) => getComputedStyle(each).outlineStyle))
    expect(links).toEqual(['solid', 'none', 'none', 'none'])
    await page.goto(`${api.localUrl}/?status=failed`)
    await page.getByRole('button', { name: /^Failed/, pressed: true }).waitFor()
    expect(await outline(page, 'Failed')).toBe('solid')
    expect(await outline(page, 'All')).toBe('none')
    await page.goto(`${api.localUrl}/deployments/${encodeURIComponent(deploymentId)}`)
    expect(await outline(page, 'Conversation')).toBe('solid')
    expect(await outline(page, 'Dictation')).toBe('none')
    const tabs = await page.getByRole('tab').evaluateAll((all) => all.map((each) => getComputedStyle(each).textDecorationLine))
    expect(tabs).toEqual(['underline', 'none', 'none', 'none', 'none'])
    await page.goto(`${api.localUrl}/new?locale=en-US`)
    const options = page.getByRole('group', { name: 'Acoustic model' }).locator('.model-option')
    await options.first().click()
    const borders = await options.evaluateAll((all) => all.map((each) => getComputedStyle(each).borderTopWidth))
    expect(borders).toEqual(['2px', '1px'])
    for (const [path, sign] of pages()) {
      await page.goto(api.localUrl + path)
      await page.getByText(sign).first().waitFor()
      expect(await findViolations(page, source), path).toEqual([])
    }
  })
})
