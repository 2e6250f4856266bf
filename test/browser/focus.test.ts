// The keyboard focus: dialogs return it, pages take it, and removed elements pass it on.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cardText, modelsOf } from '../support/models.ts'
import { openTestService, type Service, startTestService } from '../support/service.ts'
import { cardOf, findViolations, openBrowser, openDashboard, openModelForm, rowOf, sendForm } from './browser.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
// No jobs run here, so deployments stay QUEUED.
let api: Service
let browser: Browser
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  await api.create({ name: 'Front desk' })
  await modelsOf(api).createLanguageModel({ name: 'Cards', text: cardText })
  await api.ask('mutation { createKey(input: { name: "Guest", scopes: [READ] }) { __typename } }')
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

/** Waits until an element has the focus. */
const hasFocus = (element: Locator) => expect.poll(() => element.evaluate((node) => node === node.ownerDocument.activeElement)).toBe(true)

interface Dialog {
  name: string
  path: string
  /** The button that opens the dialog, or the button of the menu that has the item. */
  opener: (page: Page) => Locator
  item?: string
  role?: 'dialog' | 'alertdialog'
}

const deploymentPath = async () => {
  const { data } = await api.ask('{ deployments { nodes { id } } }')
  return `/deployments/${encodeURIComponent(data?.deployments.nodes[0].id)}`
}

const button = (name: string) => (page: Page) => page.getByRole('button', { name, exact: true })

const dialogs: Dialog[] = [
  { name: 'deleting a row', path: '/', opener: button('Actions for Front desk'), item: 'Delete…', role: 'alertdialog' },
  { name: 'editing a row', path: '/', opener: button('Actions for Front desk'), item: 'Edit…' },
  { name: 'editing a deployment', path: 'deployment', opener: button('Edit') },
  { name: 'deleting a deployment', path: 'deployment', opener: button('Delete'), role: 'alertdialog' },
  { name: 'a new language model', path: '/models', opener: button('Create language model') },
  { name: 'a new acoustic model', path: '/models', opener: button('Create acoustic model') },
  { name: 'editing a model', path: '/models', opener: button('Edit Cards') },
  { name: 'deleting a model', path: '/models', opener: button('Delete Cards'), role: 'alertdialog' },
  { name: 'a new key', path: '/keys', opener: button('Create key') },
  { name: 'revoking a key', path: '/keys', opener: button('Revoke Guest'), role: 'alertdialog' },
  { name: 'the locales', path: '/', opener: button('Change Locale') },
]

describe('a closed dialog returns the focus to its opener', () => {
  test.each(dialogs)('the dialog for $name is accessible and returns the focus after Esc', async ({ path, opener, item, role = 'dialog' as const }: Dialog) => {
    const { page, complaints } = await openDashboard(browser, api)
    await page.goto(api.localUrl + (path === 'deployment' ? await deploymentPath() : path))
    await opener(page).focus()
    await page.keyboard.press('Enter')
    if (item) await page.getByRole('menuitem', { name: item }).press('Enter')
    await page.getByRole(role).waitFor()
    expect(await findViolations(page, axe)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole(role).waitFor({ state: 'detached' })
    await hasFocus(opener(page))
    expect(complaints).toEqual([])
  })

  test('a dialog returns the focus after saving and after showing a secret', async () => {
    const { page } = await openDashboard(browser, api)
    await page.goto(`${api.localUrl}/models`)
    await page.getByRole('button', { name: 'Edit Cards' }).click()
    await page.getByRole('dialog').getByLabel('Description').fill('Cards, as they are called out.')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await hasFocus(page.getByRole('button', { name: 'Edit Cards' }))
    await page.goto(`${api.localUrl}/keys`)
    await page.getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('Shown once')
    await sendForm(page.getByRole('dialog'))
    await page.getByRole('button', { name: 'Done' }).click()
    await hasFocus(page.getByRole('button', { name: 'Create key' }))
  })
})

test('a navigation forward or back focuses the heading of the page', async () => {
  const { page } = await openDashboard(browser, api)
  const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name })
  await page.getByRole('link', { name: 'Models' }).click()
  await hasFocus(heading(/^Models/))
  await page.getByRole('link', { name: 'Keys' }).click()
  await hasFocus(heading('Keys'))
  await page.goBack()
  await hasFocus(heading(/^Models/))
  await page.getByRole('link', { name: 'Deployments' }).click()
  await page.getByRole('button', { name: 'Actions for Front desk' }).click()
  await page.getByRole('menuitem', { name: 'Details' }).click()
  await hasFocus(heading('Front desk'))
})

test('an element that is removed passes the focus to the heading', async () => {
  await api.create({ name: 'Short-lived' })
  const { page } = await openDashboard(browser, api)
  await rowOf(page, 'Short-lived').getByRole('button', { name: 'Actions' }).click()
  await page.getByRole('menuitem', { name: 'Delete…' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await rowOf(page, 'Short-lived').waitFor({ state: 'detached' })
  await hasFocus(page.getByRole('heading', { level: 1 }))
  await api.ask('mutation { createKey(input: { name: "Passing", scopes: [READ] }) { __typename } }')
  await page.goto(`${api.localUrl}/keys`)
  await page.getByRole('button', { name: 'Revoke Passing' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click()
  await rowOf(page, 'Passing').waitFor({ state: 'detached' })
  await hasFocus(page.getByRole('heading', { level: 1 }))
  const revoked = page.getByLabel('Show revoked and expired keys')
  await revoked.check()
  await rowOf(page, 'Passing')
    .getByText(/^Revoked/)
    .waitFor()
  await revoked.uncheck()
  await rowOf(page, 'Passing').waitFor({ state: 'detached' })
  await page.goto(`${api.localUrl}/models?locale=es-MX`)
  const accept = page.getByRole('button', { name: 'Accept license' }).first()
  await accept.click()
  await page.getByText('Moonshine Community License accepted.').waitFor()
  await accept.waitFor({ state: 'detached' })
  await hasFocus(page.getByRole('heading', { level: 1 }))
})

describe('Esc', () => {
  test('Esc closes an untouched form and asks before it discards entries', async () => {
    const { page, dialog } = await openModelForm(browser, api, 'language')
    await dialog.getByLabel('Text').fill('the four of clubs')
    await page.keyboard.press('Escape')
    const question = page.getByRole('alertdialog', { name: 'Discard your changes?' })
    await question.waitFor()
    expect(await findViolations(page, axe)).toEqual([])
    await page.keyboard.press('Escape')
    await question.waitFor({ state: 'detached' })
    expect(await dialog.getByLabel('Text').inputValue()).toBe('the four of clubs')
    await hasFocus(dialog.getByLabel('Text'))
    // A click outside does not close the form either.
    await page.mouse.click(5, 400)
    await dialog.getByLabel('Text').waitFor()
    await page.keyboard.press('Escape')
    await question.getByRole('button', { name: 'Discard' }).click()
    await dialog.waitFor({ state: 'detached' })
    await hasFocus(page.getByRole('button', { name: 'Create language model' }))
  })

  test('Esc does not close the dialog with the secret of a key; Done closes it', async () => {
    const { page } = await openDashboard(browser, api)
    await page.goto(`${api.localUrl}/keys`)
    await page.getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('Uncopied')
    await sendForm(page.getByRole('dialog'))
    const secret = page.getByRole('dialog').locator('code')
    await secret.waitFor()
    await page.keyboard.press('Escape')
    await page.mouse.click(5, 400)
    expect(await secret.textContent()).toMatch(/^cs_/)
    await page.getByRole('button', { name: 'Done' }).click()
    await secret.waitFor({ state: 'detached' })
  })
})

describe('all problems of a form appear at their fields, and the first field has the focus', () => {
  test('problems of a new deployment appear at their fields', async () => {
    const { page } = await openDashboard(browser, api)
    await page.goto(`${api.localUrl}/new?locale=en-US`)
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('Enter a name.').waitFor()
    await page.getByText('Choose an acoustic model.').waitFor()
    await page.getByText('Choose a language model.').waitFor()
    await hasFocus(page.getByLabel('Name', { exact: true }))
    await page.getByLabel('Name', { exact: true }).fill('x'.repeat(300))
    await page.getByText('Name must have at most 100 characters. This one has 300.').waitFor()
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toHaveLength(300)
    await page.getByLabel('Name', { exact: true }).fill('Named')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await hasFocus(page.getByRole('group', { name: 'Acoustic model' }).getByRole('radio').first())
  })

  test('problems of a new key, language model and acoustic model appear at their fields', async () => {
    const { page, dialog } = await openModelForm(browser, api, 'language')
    await sendForm(dialog)
    await dialog.getByText('Enter a name.').waitFor()
    await dialog.getByText('Enter the text, one utterance per line.').waitFor()
    await hasFocus(dialog.getByLabel('Name'))
    await dialog.getByLabel('Name').fill('Broken lines')
    await dialog.getByLabel('Text').fill('fine\nnot \u0001 fine\n')
    await dialog.getByLabel('Phrases').fill(`short\n${'x'.repeat(201)}`)
    await sendForm(dialog)
    await dialog.getByText(/^Line 2 contains control characters/).waitFor()
    await dialog.getByText(/^Line 2 must have 1 to 200 characters/).waitFor()
    await hasFocus(dialog.getByLabel('Text'))
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Create acoustic model' }).click()
    await dialog.getByRole('button', { name: 'Web address' }).click()
    await sendForm(dialog)
    await dialog.getByText('Enter a name.').waitFor()
    await dialog.getByText('Enter the address of the archive.').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await page.goto(`${api.localUrl}/keys`)
    await page.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByLabel('Recognize').uncheck()
    await sendForm(dialog)
    await dialog.getByText('Enter a name.').waitFor()
    await dialog.getByText('Choose at least one permission.').waitFor()
  })
})

test('a form that needs the license of a base model can accept it', async () => {
  const fresh = await startTestService({ ROLES: 'api' })
  const { page, complaints } = await openDashboard(browser, fresh)
  await page.goto(`${fresh.localUrl}/models?locale=es-ES`)
  await page.getByRole('button', { name: 'Create acoustic model' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Spanish calls')
  await dialog.getByRole('button', { name: 'npm package' }).click()
  await dialog.getByLabel('Package').fill('@example/calls@1.0.0')
  await dialog.getByRole('link', { name: 'Moonshine Community License' }).waitFor()
  await dialog.getByRole('button', { name: 'Accept license' }).click()
  await dialog.getByRole('button', { name: 'Accept license' }).waitFor({ state: 'detached' })
  await sendForm(dialog)
  await cardOf(page, 'Spanish calls').getByText('Queued', { exact: true }).waitFor()
  expect(complaints).toEqual([])
})
