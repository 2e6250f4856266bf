// Forms whose answers arrive late or never.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cardText, modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'
import { cardOf, openBrowser, openDashboard, openModelForm, sendForm } from './browser.ts'

// No jobs run here, so models stay QUEUED.
let api: Service
let browser: Browser
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

/** Delays a mutation until the returned function is called. */
async function hold(page: Page, mutation: string): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  await page.route('**/graphql', async (route) => {
    if (route.request().postData()?.includes(`mutation ${mutation}`)) await promise
    await route.continue()
  })
  return resolve
}

test('the answer to a closed form does not close the next form', async () => {
  const { page, dialog } = await openModelForm(browser, api, 'language')
  const release = await hold(page, 'CreateLanguageModel')
  await dialog.getByLabel('Name').fill('Closed early')
  await dialog.getByLabel('Text').fill(cardText)
  await sendForm(dialog)
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Create acoustic model' }).click()
  await dialog.getByLabel('Name').fill('Being filled in')
  release()
  await page.getByText('Language model “Closed early” is being built.').waitFor()
  expect(await dialog.getByLabel('Name').inputValue()).toBe('Being filled in')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await cardOf(page, 'Closed early').waitFor()
})

test('the answer to a closed edit dialog does not close the question before a deletion', async () => {
  await modelsOf(api).createLanguageModel({ name: 'Misnamed', text: cardText })
  const { page } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('button', { name: 'Edit Misnamed' }).click()
  const release = await hold(page, 'UpdateModel')
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Renamed late')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Delete Misnamed' }).click()
  const question = page.getByRole('alertdialog')
  await question.waitFor()
  release()
  await page.locator('h3', { hasText: 'Renamed late' }).waitFor()
  expect(await question.getByRole('heading').allTextContents()).toEqual(['Delete “Renamed late”?'])
})

test.each(['language', 'acoustic'] as const)('a new %s model is created once when its answer is lost and the form is sent again', async (kind) => {
  const { page, dialog } = await openModelForm(browser, api, kind)
  const name = `Sent twice, ${kind}`
  let isLost = false
  await page.route('**/graphql', async (route) => {
    if (isLost || !route.request().postData()?.includes('mutation Create')) return route.continue()
    isLost = true
    await route.fetch()
    return route.abort()
  })
  await dialog.getByLabel('Name').fill(name)
  if (kind === 'language') await dialog.getByLabel('Text').fill(cardText)
  else {
    await dialog.getByRole('button', { name: 'npm package' }).click()
    await dialog.getByLabel('Package').fill('@example/calls@1.0.0')
  }
  await sendForm(dialog)
  await dialog.getByRole('alert').getByText('The server does not answer').waitFor()
  await sendForm(dialog)
  await dialog.waitFor({ state: 'detached' })
  await cardOf(page, name).waitFor()
  const { data } = await api.ask('query ($text: String) { models(where: { text: $text }) { totalCount } }', { text: name })
  expect(data?.models.totalCount).toBe(1)
})
