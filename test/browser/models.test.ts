// Custom models: created, watched, chosen and deleted in the browser.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cardText, modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'
import { findViolations, openBrowser, openDashboard } from './browser.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let api: Service
let idle: Service
let browser: Browser
beforeAll(async () => {
  api = await openTestService()
  // No jobs run here, so models stay QUEUED.
  idle = await openTestService({ ROLES: 'api' })
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await idle.close()
  await api.close()
})

test('a language model is created from text, becomes ready without a reload, and is deleted', async () => {
  const { page, complaints } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('button', { name: 'Create language model' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Cards')
  await dialog.getByLabel('Text').fill('--')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await dialog.getByRole('alert').waitFor()
  expect(await dialog.getByLabel('Text').getAttribute('aria-invalid')).toBe('true')
  await dialog.getByLabel('Text').fill(cardText)
  await dialog.getByLabel('Phrases').fill('four of clubs\n\nace of spades\n')
  await dialog.getByRole('button', { name: 'Create' }).click()
  const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Cards' }) })
  await card.getByText('Ready', { exact: true }).waitFor()
  await card.getByText(/lines of text, .* words .* \+ 2 phrases/).waitFor()
  await card.getByRole('button', { name: 'Delete Cards' }).click()
  await page.getByRole('alertdialog', { name: 'Delete “Cards”?' }).getByRole('button', { name: 'Delete' }).click()
  await card.waitFor({ state: 'detached' })
  expect(complaints).toEqual([])
})

test('an open page follows models that are created, canceled and deleted elsewhere', async () => {
  const models = modelsOf(idle)
  const { page, complaints } = await openDashboard(browser, idle)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('heading', { name: 'Language models' }).waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  const { model } = await models.createLanguageModel({ name: 'From elsewhere', text: cardText })
  const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'From elsewhere' }) })
  await card.getByText('Waiting for a worker').waitFor()
  await models.cancel(model.id)
  await card.getByText('Canceled', { exact: true }).waitFor()
  await card.getByRole('button', { name: 'Retry From elsewhere' }).click()
  await card.getByText('Queued', { exact: true }).waitFor()
  await models.delete(model.id)
  await card.waitFor({ state: 'detached' })
  expect(complaints).toEqual([])
})

test('a model that is not ready is disabled with the reason', async () => {
  const { model } = await modelsOf(idle).createLanguageModel({ name: 'Unfinished', text: cardText })
  const { page } = await openDashboard(browser, idle)
  await page.goto(`${idle.localUrl}/new?locale=en-US`)
  const option = page.getByRole('radio', { name: /^Unfinished/ })
  await page.getByText('Still being built. You can choose it when it is ready.').waitFor()
  expect(await option.isDisabled()).toBe(true)
  await modelsOf(idle).cancel(model.id)
  await page.getByText('Building was canceled.').waitFor()
  expect(await option.isDisabled()).toBe(true)
})

test('the server refuses a model that a stale page shows as ready, and the page is updated', async () => {
  const { model } = await modelsOf(idle).createLanguageModel({ name: 'Thought ready', text: cardText }, 'CONVERSATIONAL')
  const { page } = await openDashboard(browser, idle)
  let isStale = true
  await page.route('**/graphql', async (route) => {
    const asked = route.request().postData() ?? ''
    if (asked.includes('query Preflight')) return route.abort()
    if (!isStale || !asked.includes('query OwnModels')) return route.continue()
    const { data } = (await (await route.fetch()).json()) as { data: { models: { nodes: { id: string }[] } } }
    for (const node of data.models.nodes) if (node.id === model.id) Object.assign(node, { isReady: true, isTerminal: true, status: 'READY' })
    return route.fulfill({ json: { data } })
  })
  await page.goto(`${idle.localUrl}/new?locale=en-US`)
  await page.getByLabel('Name', { exact: true }).fill('Too early')
  await page
    .getByRole('group', { name: 'Acoustic Model' })
    .getByRole('radio', { name: /^Conversational/ })
    .check()
  const language = page.getByRole('group', { name: 'Language Model' })
  await language.getByRole('radio', { name: /^Thought ready/ }).check()
  isStale = false
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await language.getByRole('alert').getByText('The model "Thought ready" is still QUEUED').waitFor()
  await language.getByRole('radio', { name: /^Thought ready/, disabled: true }).waitFor()
})

test('a model can be chosen after its license is accepted in the form', async () => {
  const { page, complaints } = await openDashboard(browser, idle)
  await page.goto(`${idle.localUrl}/new?locale=es-MX`)
  const acoustic = page.getByRole('group', { name: 'Acoustic Model' })
  await acoustic.getByText('Accept the license below first').waitFor()
  expect(await acoustic.getByRole('radio').first().isDisabled()).toBe(true)
  expect(await acoustic.getByRole('link', { name: 'Moonshine Community License' }).getAttribute('href')).toMatch(/^https:/)
  expect(await findViolations(page, await readFile(axe, 'utf8'))).toEqual([])
  await acoustic.getByRole('button', { name: 'Accept license' }).click()
  await acoustic.getByRole('button', { name: 'Accept license' }).waitFor({ state: 'detached' })
  await acoustic.getByRole('radio').first().check()
  expect(complaints).toEqual([])
})

test.each(['light', 'dark'] as const)('axe finds nothing serious in pages with custom models, %s', async (colorScheme) => {
  const source = await readFile(axe, 'utf8')
  const { model } = await modelsOf(idle).createLanguageModel({ text: cardText })
  const { page } = await openDashboard(browser, idle, { colorScheme })
  for (const path of ['/models?locale=en-US', '/new?locale=en-US']) {
    await page.goto(idle.localUrl + path)
    await page.getByText(model.name).waitFor()
    expect(await findViolations(page, source), path).toEqual([])
  }
  await page.goto(`${idle.localUrl}/models?locale=es-ES`)
  await page.getByRole('button', { name: 'Create language model' }).click()
  await page.getByRole('dialog').waitFor()
  expect(await findViolations(page, source), 'dialog').toEqual([])
})
