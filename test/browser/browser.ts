// A real browser, and pages of it that are signed in.
import { access } from 'node:fs/promises'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function openBrowser(more: string[] = []): Promise<Browser> {
  await access(executablePath).catch(() => {
    throw new Error(`There is no browser at ${executablePath}. Install one ("apt-get install chromium" on Debian), or set CHROMIUM to where it is.`)
  })
  return chromium.launch({ executablePath, args: ['--headless', ...flags, ...more] })
}

interface Server {
  localUrl: string
  key: string
}

/** A tab of its own person: no cookie is shared. What the page complains of ends up in `complaints`. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options })
  onTestFinished(() => context.close())
  return watchPage(await context.newPage())
}

/** The same person's next tab. */
export const openTabBeside = async (page: Page) => watchPage(await page.context().newPage())

function watchPage(page: Page) {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  return { page, complaints }
}

/** Signed in by the link that `npm start` prints. */
export async function openDashboard(browser: Browser, { localUrl, key }: Server, options: BrowserContextOptions = {}) {
  const tab = await openTab(browser, options)
  await tab.page.goto(`${localUrl}/#key=${key}`)
  await tab.page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
  return tab
}

/** Fills in the form and sends it; the list is shown after that. */
export async function createByForm(page: Page, name: string, scenario = 'Search and Dictation') {
  await page
    .getByRole('link', { name: /^Create/ })
    .first()
    .click()
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page
    .getByRole('group', { name: 'Acoustic Model' })
    .getByRole('radio', { name: new RegExp(`^${scenario}`) })
    .check()
  await page
    .getByRole('group', { name: 'Language Model' })
    .getByRole('radio', { name: new RegExp(`^${scenario}`), checked: true })
    .waitFor()
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await rowOf(page, name).waitFor()
}

export const rowOf = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${name}`) }) })

/** Signed in, with the form for a new model open. */
export async function openModelForm(browser: Browser, server: Server, kind: 'language' | 'acoustic') {
  const tab = await openDashboard(browser, server)
  await tab.page.getByRole('link', { name: 'Models' }).click()
  await tab.page.getByRole('button', { name: `Create ${kind} model` }).click()
  return { ...tab, dialog: tab.page.getByRole('dialog') }
}

export const cardOf = (page: Page, name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) })

export const sendForm = (dialog: Locator) => dialog.getByRole('button', { name: 'Create', exact: true }).click()

/** The violations that axe finds, those of its best practices included. */
export async function findViolations(page: Page, axe: string): Promise<string[]> {
  // Handed over by the debugging protocol, which the page's policy does not forbid.
  await page.evaluate(axe)
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`)
}
