// A deployment gets other models: provisioned beside the serving revision, on trial, promoted, rolled back.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { evaluationsOf } from '../evaluation/evaluations.ts'
import { pairOf, revisionsOf } from '../revisions/client.ts'
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

const openForm = async (page: Page) => {
  await page.getByRole('button', { name: 'Deploy another model' }).click()
  return page.getByRole('dialog', { name: 'Deploy another model' })
}

test('another model is deployed with a canary, promoted and rolled back', { timeout: 90_000 }, async () => {
  const { deployment } = await api.deploy()
  const { page, complaints } = await openDashboard(browser, api)
  await page.getByRole('link', { name: /^Sample/ }).click()
  await page.getByRole('heading', { name: 'Verified' }).waitFor()
  expect(await page.getByRole('heading', { name: 'History' }).count()).toBe(0)

  const form = await openForm(page)
  await form.getByRole('button', { name: 'Deploy', exact: true }).click()
  await form.getByRole('alert').getByText('Choose another model.').waitFor()
  await form
    .getByRole('group', { name: 'Acoustic model' })
    .getByRole('radio', { name: /^Conversational/ })
    .check()
  await form
    .getByRole('group', { name: 'Language model' })
    .getByRole('radio', { name: /^Conversational/, checked: true })
    .waitFor()
  await form.getByLabel('Canary').fill('many')
  await form.getByLabel('Note').fill('Callers speak freely.')
  await form.getByRole('button', { name: 'Deploy', exact: true }).click()
  await form.getByRole('alert').getByText('Enter a whole number from 0 to 100.').waitFor()
  await form.getByLabel('Canary').fill('10')
  await form.getByLabel('Shadow').fill('50')
  expect(await findViolations(page, axe)).toEqual([])
  await form.getByRole('button', { name: 'Deploy', exact: true }).click()

  const pending = page.getByRole('region', { name: 'Revision 2' })
  await pending.getByText('Revision 1 serves all sessions meanwhile.').waitFor()
  await pending.getByText('On trial').waitFor({ timeout: 30_000 })
  await page.getByRole('heading', { name: 'Try it' }).waitFor()
  await pending.getByRole('slider', { name: 'Canary: 10 % of clients' }).press('End')
  await page.getByText('Revision 2 serves 100 % of clients.').waitFor()
  await pending.getByText('No recording has been compared yet.').waitFor()
  expect(await revisionsOf(api).read(deployment.id)).toMatchObject({ canary: { percent: 100 }, shadow: { percent: 50 }, currentRevision: { number: 1 } })
  expect(await findViolations(page, axe)).toEqual([])

  await pending.getByRole('button', { name: 'Promote' }).click()
  await pending.waitFor({ state: 'detached' })
  await rowOf(page, 'Revision 2').getByText('Serving').waitFor()
  await rowOf(page, 'Revision 2').getByText('Callers speak freely.').waitFor()
  await page.getByRole('button', { name: 'Roll back to revision 1' }).click()
  const rollback = page.getByRole('dialog', { name: 'Roll back to revision 1?' })
  await rollback.getByLabel('Note').fill('Numbers were wrong.')
  await rollback.getByRole('button', { name: 'Roll back' }).click()
  await rowOf(page, 'Revision 1').getByText('Serving').waitFor()
  await page.getByRole('button', { name: 'Switch to revision 2' }).waitFor()
  const { currentRevision, timeline } = await revisionsOf(api).read(deployment.id)
  expect(currentRevision).toMatchObject({ number: 1, ...ids(await pairOf(api, 'SEARCH_AND_DICTATION')) })
  expect(timeline.nodes.at(-1).message).toContain('Numbers were wrong.')
  await page.getByRole('link', { name: 'Search and Dictation' }).first().click()
  await page.getByRole('heading', { level: 1, name: 'Search and Dictation' }).waitFor()
  await page
    .getByRole('region', { name: 'Deployments with this model' })
    .getByRole('link', { name: /^Sample/ })
    .waitFor()
  await page.getByRole('link', { name: 'Deploy Search and Dictation' }).click()
  await page
    .getByRole('group', { name: 'Acoustic model' })
    .getByRole('radio', { name: /^Search and Dictation/, checked: true })
    .waitFor()
  expect(complaints).toEqual([])
})

const ids = ({ acousticModelId, languageModelId }: Awaited<ReturnType<typeof pairOf>>) => ({
  acousticModel: { id: acousticModelId },
  languageModel: { id: languageModelId },
})

test('a page that is open follows redeployments by others, and a trial can be ended', { timeout: 90_000 }, async () => {
  const { deployment } = await api.deploy()
  const { page, complaints } = await openDashboard(browser, api, { viewport: { width: 360, height: 780 }, colorScheme: 'dark' })
  await page.goto(`${api.localUrl}/deployments/${encodeURIComponent(deployment.id)}`)
  await page.getByRole('heading', { name: 'Verified' }).waitFor()
  await revisionsOf(api).redeploy(deployment.id, { canary: { percent: 0 }, note: 'From the API' })
  const pending = page.getByRole('region', { name: 'Revision 2' })
  await pending.getByText('From the API').waitFor()
  await page.getByRole('heading', { name: 'Provisioning of revision 2' }).waitFor()
  await pending.getByText('On trial').waitFor({ timeout: 30_000 })
  expect(await findViolations(page, axe)).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
  await pending.getByRole('button', { name: 'End the trial' }).click()
  await page.getByText('The trial of revision 2 has ended.').waitFor()
  await pending.waitFor({ state: 'detached' })
  await rowOf(page, 'Revision 1').getByText('Serving').waitFor()
  expect(complaints).toEqual([])
})

test('models that do not pass the gate do not serve, and the history links to their evaluation', { timeout: 150_000 }, async () => {
  const { deployment } = await api.deploy()
  await evaluationsOf(api).importTestSet([{ wav: referenceRecording(), text: 'the transcript of another recording' }])
  const { page, complaints } = await openDashboard(browser, api)
  await page.goto(`${api.localUrl}/deployments/${encodeURIComponent(deployment.id)}`)
  const form = await openForm(page)
  await form
    .getByRole('group', { name: 'Acoustic model' })
    .getByRole('radio', { name: /^Conversational/ })
    .check()
  await form
    .getByRole('group', { name: 'Language model' })
    .getByRole('radio', { name: /^Conversational/, checked: true })
    .waitFor()
  await form.getByLabel('Gate').selectOption({ index: 1 })
  await form.getByRole('button', { name: 'Deploy', exact: true }).click()
  await form.getByRole('alert').getByText('Enter at least one of the two limits.').waitFor()
  await form.getByLabel('Maximum word error rate').fill('12.5')
  expect(await findViolations(page, axe)).toEqual([])
  await form.getByRole('button', { name: 'Deploy', exact: true }).click()
  const failed = rowOf(page, 'Revision 2')
  await failed.getByText('Failed', { exact: true }).waitFor({ timeout: 90_000 })
  await page.getByRole('listitem').filter({ hasText: 'Evaluating on the recordings, failed' }).waitFor()
  await rowOf(page, 'Revision 1').getByText('Serving').waitFor()
  await failed.getByRole('link', { name: /^Evaluation: .* word errors$/ }).click()
  await page.getByRole('heading', { level: 1, name: /^Evaluation of Sample/ }).waitFor()
  await page.getByRole('region', { name: 'Recordings' }).getByRole('listitem').first().waitFor()
  expect(complaints).toEqual([])
})
