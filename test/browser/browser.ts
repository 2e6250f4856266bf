// A real browser with signed-in pages.
import { existsSync } from 'node:fs'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

// The first one that is installed. Without windows, Chromium needs two thirds of the processor time.
const executables = process.env['CHROMIUM'] ? [process.env['CHROMIUM']] : ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']
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
  const executablePath = executables.find((path) => existsSync(path))
  if (!executablePath)
    throw new Error(
      `No browser was found at ${executables.join(' or ')}. Install one ("apt-get install chromium-headless-shell" on Debian), or set CHROMIUM to its path.`,
    )
  return chromium.launch({ executablePath, args: ['--headless', ...flags, ...more] })
}

interface Server {
  localUrl: string
  key: string
}

/** A tab with separate cookies. Errors and warnings of the page are collected in `complaints`. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}) {
  // Without its animations, a page needs two thirds of the processor time.
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce', ...options })
  onTestFinished(() => context.close())
  return watchPage(await context.newPage())
}

/** Another tab with the same cookies. */
export const openTabBeside = async (page: Page) => watchPage(await page.context().newPage())

function watchPage(page: Page) {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  return { page, complaints }
}

/** Signs in with the link that `npm start` prints. */
export async function openDashboard(browser: Browser, { localUrl, key }: Server, options: BrowserContextOptions = {}) {
  const tab = await openTab(browser, options)
  await tab.page.goto(`${localUrl}/#key=${key}`)
  await tab.page.getByRole('heading', { level: 1, name: /^Deployments/ }).waitFor()
  return tab
}

/** Creates a deployment with the form and waits for its row in the list. */
export async function createByForm(page: Page, name: string, scenario = 'Search and Dictation') {
  await page
    .getByRole('link', { name: /^Create/ })
    .first()
    .click()
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page
    .getByRole('group', { name: 'Acoustic model' })
    .getByRole('radio', { name: new RegExp(`^${scenario}`) })
    .check()
  await page
    .getByRole('group', { name: 'Language model' })
    .getByRole('radio', { name: new RegExp(`^${scenario}`), checked: true })
    .waitFor()
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await rowOf(page, name).waitFor()
}

export const rowOf = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${name}`) }) })

/** Signs in and opens the form for a new model. */
export async function openModelForm(browser: Browser, server: Server, kind: 'language' | 'acoustic') {
  const tab = await openDashboard(browser, server)
  await tab.page.getByRole('link', { name: 'Models' }).click()
  await tab.page.getByRole('button', { name: `Create ${kind} model` }).click()
  return { ...tab, dialog: tab.page.getByRole('dialog') }
}

export const cardOf = (page: Page, name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) })

export const sendForm = (dialog: Locator) => dialog.getByRole('button', { name: 'Create', exact: true }).click()

/** The violations that axe finds, including its best practices. */
export async function findViolations(page: Page, axe: string): Promise<string[]> {
  // The debugging protocol passes the script, so the page's policy does not apply.
  await page.evaluate(axe)
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`)
}
