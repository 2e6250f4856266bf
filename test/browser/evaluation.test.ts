// Test sets are imported and played, and models are evaluated on them.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { evaluationsOf } from '../evaluation/evaluations.ts'
import { makeZip } from '../support/models.ts'
import { cardRecordings, openTestService, referenceRecording, referenceText, type Service } from '../support/service.ts'
import { findViolations, openBrowser, openDashboard, rowOf, sendForm } from './browser.ts'

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

const chooseZip = (dialog: Locator, files: Record<string, Buffer | string>) =>
  dialog.getByLabel('Recordings', { exact: true }).setInputFiles({ name: 'recordings.zip', mimeType: 'application/zip', buffer: makeZip(files) })

/** The recordings of cards, which the models do not recognize without an error, and one that they do. */
function recordings(): Record<string, Buffer | string> {
  const all = [...cardRecordings(), { wav: referenceRecording(), text: referenceText }]
  return { 'table.tsv': all.map(({ text }, n) => `${n}.wav\t${text}`).join('\n'), ...Object.fromEntries(all.map(({ wav }, n) => [`${n}.wav`, wav])) }
}

test('recordings become a test set, and a deployment and two models are evaluated on it', { timeout: 150_000 }, async () => {
  const { deployment } = await api.deploy()
  const { page, complaints } = await openDashboard(browser, api)
  await page.getByRole('link', { name: 'Test sets' }).click()
  await page.getByRole('heading', { name: 'No test sets' }).waitFor()
  await page.getByRole('button', { name: 'Create test set' }).click()
  const creation = page.getByRole('dialog', { name: 'Create test set' })
  await creation.getByLabel('Name', { exact: true }).fill('Cards')
  await sendForm(creation)
  await creation.getByRole('alert').getByText('Choose a file.').waitFor()
  await chooseZip(creation, recordings())
  await creation.getByText(/^Uploaded/).waitFor()
  expect(await findViolations(page, axe)).toEqual([])
  await sendForm(creation)
  await rowOf(page, 'Cards').getByText('Ready', { exact: true }).waitFor({ timeout: 30_000 })
  await page.getByRole('link', { name: 'Cards' }).click()
  await page.getByRole('heading', { level: 1, name: 'Cards' }).waitFor()
  await rowOf(page, '1').first().getByRole('button', { name: 'Play recording 1' }).click()
  const audio = page.getByLabel('Recording 1', { exact: true })
  await audio.waitFor()
  await expect.poll(() => audio.evaluate((player: HTMLAudioElement) => player.currentTime)).toBeGreaterThan(0)

  await page.getByRole('button', { name: 'Evaluate' }).click()
  const evaluation = page.getByRole('dialog', { name: 'Evaluate on “Cards”' })
  await evaluation.getByRole('button', { name: 'Evaluate' }).click()
  await evaluation.getByRole('alert').getByText('Choose a deployment.').waitFor()
  await evaluation.getByLabel('Deployment').selectOption(deployment.id)
  expect(await findViolations(page, axe)).toEqual([])
  await evaluation.getByRole('button', { name: 'Evaluate' }).click()
  await rowOf(page, 'Sample')
    .getByText(/^95 % interval/)
    .waitFor({ timeout: 60_000 })
  await page.getByRole('button', { name: 'Evaluate' }).click()
  await evaluation.getByRole('button', { name: 'Two models' }).click()
  await evaluation
    .getByRole('group', { name: 'Acoustic model' })
    .getByRole('radio', { name: /^Conversational/ })
    .check()
  await evaluation
    .getByRole('group', { name: 'Language model' })
    .getByRole('radio', { name: /^Conversational/, checked: true })
    .waitFor()
  await evaluation.getByRole('button', { name: 'Evaluate' }).click()
  await rowOf(page, 'Conversational')
    .getByText(/^95 % interval/)
    .waitFor({ timeout: 60_000 })
  await page.getByText('2 evaluations').waitFor()
  expect(await findViolations(page, axe)).toEqual([])

  await page.getByRole('link', { name: /^Sample/ }).click()
  await page.getByRole('heading', { level: 1, name: /^Evaluation of Sample/ }).waitFor()
  await page.getByRole('region', { name: 'Frequent word errors' }).getByRole('listitem').first().waitFor()
  const shown = page.getByRole('region', { name: 'Recordings' })
  const worst = shown.getByRole('listitem').first()
  expect(await worst.textContent()).toMatch(/missing: |added: |spoken: .*recognized: /s)
  expect(await shown.getByRole('listitem').filter({ hasText: '0 errors' }).count()).toBe(0)
  await shown.getByRole('button', { name: 'All', exact: true }).click()
  await shown
    .getByRole('listitem')
    .filter({ hasText: referenceText.slice(0, 8) })
    .waitFor()
  expect(await findViolations(page, axe)).toEqual([])

  await page
    .getByRole('region', { name: 'Compare with' })
    .getByRole('link', { name: /^Conversational/ })
    .click()
  await page.getByText(/^The second word error rate is .* (lower|higher)\. The difference (is more than|can be) chance \(p/).waitFor()
  await page.getByRole('region', { name: 'Words', exact: true }).getByRole('listitem').first().waitFor()
  await shown.getByRole('button', { name: 'All', exact: true }).click()
  await shown
    .getByRole('heading', { name: /^First: \d+ errors? in/ })
    .first()
    .waitFor()
  expect(await findViolations(page, axe)).toEqual([])
  const verdict = await page.getByText(/^The second word/).textContent()
  await page.getByRole('link', { name: 'Swap' }).click()
  const swapped = verdict?.includes('lower') ? verdict.replace('lower', 'higher') : verdict?.replace('higher', 'lower')
  await page.getByText(swapped ?? '').waitFor()
  expect(complaints).toEqual([])
})

test('a failed import lists each problem, and the test set can be deleted', { timeout: 60_000 }, async () => {
  const { createTestSet, uploadRecordings } = evaluationsOf(api)
  const uploadId = await uploadRecordings({ 'table.tsv': `0.wav\t${referenceText}\n1.wav\tno such file`, '0.wav': referenceRecording() })
  const { testSet } = await createTestSet({ uploadId, name: 'Half' })
  const { page, complaints } = await openDashboard(browser, api, { viewport: { width: 320, height: 640 }, colorScheme: 'dark' })
  await page.goto(`${api.localUrl}/test-sets/${encodeURIComponent(testSet.id)}`)
  await page.getByRole('list', { name: 'Problems of the upload' }).getByText('1.wav').waitFor()
  expect(await findViolations(page, axe)).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320)
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('alertdialog', { name: 'Delete “Half”?' }).getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('heading', { level: 1, name: /^Test sets/ }).waitFor()
  await page.getByText('“Half” has been deleted.').waitFor()
  expect(await rowOf(page, 'Half').count()).toBe(0)
  expect(complaints).toEqual([])
})
