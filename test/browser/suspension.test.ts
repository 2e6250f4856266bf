// A deployment is suspended, resumed, deleted and restored.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestService, referenceRecording, type Service } from '../support/service.ts'
import { findViolations, openBrowser, openDashboard, rowOf } from './browser.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let api: Service
let browser: Browser
beforeAll(async () => {
  api = await openTestService()
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
})

test('a deployment is suspended, resumed, deleted and restored, and its URL stays the same', { timeout: 90_000 }, async () => {
  const { deployment } = await api.deploy()
  const url = deployment.endpoint?.httpUrl ?? ''
  const answer = async () => (await api.post(url, referenceRecording())).status
  const { page, complaints } = await openDashboard(browser, api)
  await page.getByRole('link', { name: /^Sample/ }).click()
  await page.getByRole('button', { name: 'Suspend' }).click()
  await page
    .getByRole('alertdialog', { name: /^Suspend “Sample/ })
    .getByRole('button', { name: 'Suspend' })
    .click()
  await page.getByText('The URLs refuse all clients.').waitFor()
  expect(await page.getByRole('heading', { name: 'Try it' }).count()).toBe(0)
  expect(await answer()).toBe(409)
  await page.getByRole('link', { name: 'Deployments' }).first().click()
  await page.getByRole('button', { name: 'Suspended 1' }).click()
  await rowOf(page, 'Sample').getByText('Suspended', { exact: true }).waitFor()

  await rowOf(page, 'Sample')
    .getByRole('button', { name: /^Actions for/ })
    .click()
  await page.getByRole('menuitem', { name: 'Resume' }).click()
  await page.getByText('is being provisioned again.').waitFor()
  await page.getByRole('button', { name: 'All 1' }).click()
  await rowOf(page, 'Sample').getByText('Complete', { exact: true }).waitFor({ timeout: 30_000 })
  expect(await answer()).toBe(200)

  await rowOf(page, 'Sample')
    .getByRole('button', { name: /^Actions for/ })
    .click()
  await page.getByRole('menuitem', { name: 'Delete…' }).click()
  const dialog = page.getByRole('alertdialog', { name: /^Delete “Sample/ })
  await dialog.getByText('You can restore the deployment for a week').waitFor()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('has been deleted.').getByRole('link', { name: 'Recently deleted' }).click()
  await page.getByRole('heading', { level: 1, name: /^Recently deleted/ }).waitFor()
  expect(await answer()).toBe(410)
  await rowOf(page, 'Sample').getByText('just now').waitFor()
  expect(await findViolations(page, axe)).toEqual([])

  await page.getByRole('button', { name: /^Restore Sample/ }).click()
  await page.getByRole('heading', { level: 1, name: /^Sample/ }).waitFor()
  await page.getByText('has been restored').waitFor()
  await page.getByRole('heading', { name: 'Verified' }).waitFor({ timeout: 30_000 })
  expect(await answer()).toBe(200)
  await page.goto(`${api.localUrl}/deleted`)
  await page.getByText('No deployment has been deleted in the last week').waitFor()
  expect(complaints).toEqual([])
})
