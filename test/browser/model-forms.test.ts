// The forms of custom models: real uploads, and refusals at their fields.
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Browser, Locator } from 'playwright-core'
import postgres from 'postgres'
import { create } from 'tar'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openArtifacts } from '../../src/artifacts/store.ts'
import { readCatalog } from '../../src/domain/catalog.ts'
import { cardLines, cardText, makeZip, modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { cardRecordings, openTestService, type Service } from '../support/service.ts'
import { cardOf, findViolations, openBrowser, openDashboard, openModelForm, sendForm } from './browser.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let api: Service
let idle: Service
let sql: postgres.Sql
let browser: Browser
beforeAll(async () => {
  api = await openTestService()
  // No jobs run here, and files can have 2 MB.
  idle = await openTestService({ ROLES: 'api', MAX_UPLOAD_MB: '2' })
  sql = postgres(idle.databaseUrl, { max: 1, onnotice: () => {} })
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await sql.end()
  await idle.close()
  await api.close()
})

const textFile = (text: string | Buffer, name = 'calls.txt') => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) })

/** The problem of a field, as a screen reader announces it. */
async function problemOf(field: Locator): Promise<string> {
  await expect.poll(() => field.getAttribute('aria-invalid'), { timeout: 20_000 }).toBe('true')
  const ids = (await field.getAttribute('aria-describedby')) ?? ''
  return (
    (await field
      .page()
      .locator(`[id="${ids.split(' ')[0]}"]`)
      .textContent()) ?? ''
  )
}

test('a language model is created from a text file with phrases, pronunciations and recordings', { timeout: 180_000 }, async () => {
  const { page, dialog, complaints } = await openModelForm(browser, api, 'language')
  await dialog.getByLabel('Name').fill('From files')
  await dialog.getByLabel('Description').fill('Cards, as they are called out.')
  await dialog.getByRole('button', { name: 'Upload a file' }).click()
  await sendForm(dialog)
  const file = dialog.getByLabel('Text file', { exact: true })
  expect(await problemOf(file)).toBe('Choose a file.')
  await file.setInputFiles(textFile(Buffer.concat([Buffer.from('fine\n'), Buffer.from([0xff, 0x0a])])))
  expect(await problemOf(file)).toMatch(/^The text cannot be used: line 2 is not UTF-8/)
  await file.setInputFiles(textFile(`${cardText}\n--\n`))
  await dialog.getByText(`${cardLines + 1} lines, 1 line without a word`).waitFor()
  await dialog.getByLabel('Phrases').fill('four of clubs')
  const recordings = cardRecordings().slice(0, 4)
  const transcripts = recordings.map(({ text }, n) => `${n}.wav\t${text}`).join('\n')
  const zip = makeZip({ ...Object.fromEntries(recordings.map(({ wav }, n) => [`${n}.wav`, wav])), 'transcripts.tsv': transcripts })
  await dialog.getByLabel('Recordings').setInputFiles({ name: 'cards.zip', mimeType: 'application/zip', buffer: zip })
  await dialog.getByRole('button', { name: 'Remove recordings' }).waitFor()

  await dialog.getByRole('button', { name: 'Add pronunciation' }).click()
  await dialog.getByLabel('Spoken, pronunciation 1').focus()
  await page.evaluate(`(() => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', 'pee bee ex\\tPBX\\r\\n' + 'x'.repeat(101) + '\\tX\\r\\n')
    document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
  })()`)
  await sendForm(dialog)
  expect(await problemOf(dialog.getByLabel('Spoken, pronunciation 2'))).toMatch(/^Spoken must have 1 to 100 characters/)
  expect(await dialog.getByLabel('Spoken, pronunciation 1').getAttribute('aria-invalid')).toBeNull()
  await dialog.getByRole('button', { name: 'Remove pronunciation 2' }).click()
  await sendForm(dialog)
  const card = cardOf(page, 'From files')
  // Training and evaluation run at a low priority.
  await card.getByText('Ready', { exact: true }).waitFor({ timeout: 120_000 })
  await card.getByText(/lines of text, .* \+ 1 phrase \+ 1 pronunciation/).waitFor()
  await card.getByText('on 2 recordings').waitFor()
  await card.getByText('Cards, as they are called out.').waitFor()
  expect(complaints.filter((complaint) => !complaint.includes('422'))).toEqual([])
})

test('the upload of a large file shows its progress, and a canceled upload leaves no file', async () => {
  const { page, dialog } = await openModelForm(browser, idle, 'language')
  await dialog.getByRole('button', { name: 'Upload a file' }).click()
  const network = await page.context().newCDPSession(page)
  await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 200_000 })
  await dialog.getByLabel('Text file').setInputFiles(textFile('word after word\n'.repeat(100_000)))
  const bar = dialog.getByRole('progressbar', { name: 'Upload of text file' })
  await expect.poll(() => bar.getAttribute('value').then(Number)).toBeGreaterThan(100_000)
  await dialog.getByText(/kB of 1\.6 MB uploaded/).waitFor()
  await dialog.getByLabel('Name').fill('Too early')
  await sendForm(dialog)
  expect(await problemOf(dialog.getByLabel('Text file', { exact: true }))).toMatch(/still being uploaded/)
  await dialog.getByRole('button', { name: 'Cancel the upload of text file' }).click()
  await bar.waitFor({ state: 'detached' })
  expect(await dialog.getByLabel('Text file').inputValue()).toBe('')
  await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 })
  await dialog.getByLabel('Text file').setInputFiles(textFile('another one\n'))
  await dialog.getByText('Uploaded: 1 kB, 1 line').waitFor()
  expect(await sql`select lines from uploads`).toEqual([{ lines: 1 }])
})

test('a refused or interrupted upload shows the reason at its field', async () => {
  const { page, dialog } = await openModelForm(browser, idle, 'acoustic')
  const archive = dialog.getByLabel('Archive', { exact: true })
  await archive.setInputFiles({ name: 'model.tgz', mimeType: 'application/gzip', buffer: Buffer.alloc(30_000_000, 0x1f) })
  expect(await problemOf(archive)).toMatch(/larger than 2 MB/)
  await archive.setInputFiles({ name: 'model.tgz', mimeType: 'application/gzip', buffer: Buffer.from('no archive') })
  await dialog.getByText('Send an acoustic model as a .tar.gz').waitFor()
  await page.route('**/uploads*', (route) => route.abort())
  await archive.setInputFiles({ name: 'model.tgz', mimeType: 'application/gzip', buffer: Buffer.from('no connection') })
  await dialog.getByText('The connection broke').waitFor()
})

test('after a failed upload the file can be uploaded again, chosen again or removed', async () => {
  const { page, dialog } = await openModelForm(browser, idle, 'language')
  await dialog.getByRole('button', { name: 'Upload a file' }).click()
  const file = dialog.getByLabel('Text file', { exact: true })
  const recordings = dialog.getByLabel('Recordings', { exact: true })
  await page.route('**/uploads*', (route) => route.abort())
  await file.setInputFiles(textFile('one line\n'))
  await recordings.setInputFiles({ name: 'calls.zip', mimeType: 'application/zip', buffer: Buffer.from('no connection') })
  for (const field of [file, recordings]) {
    expect(await problemOf(field)).toMatch(/^The connection broke/)
    // Choosing the same file is a change only if the field is empty.
    expect(await field.inputValue()).toBe('')
  }
  await dialog.getByText('calls.txt').waitFor()
  expect(await findViolations(page, await readFile(axe, 'utf8'))).toEqual([])
  await page.unroute('**/uploads*')
  await dialog.getByRole('button', { name: 'Upload again: text file' }).click()
  await dialog.getByText('Uploaded: 1 kB, 1 line').waitFor()
  await dialog.getByRole('button', { name: 'Remove recordings' }).click()
  await dialog.getByLabel('Name').fill('Without recordings')
  await sendForm(dialog)
  await cardOf(page, 'Without recordings').getByText('Queued', { exact: true }).waitFor()
})

test('an acoustic model is created from an uploaded archive and becomes ready', async () => {
  const { page, dialog, complaints } = await openModelForm(browser, api, 'acoustic')
  await dialog.getByLabel('Name').fill('Calls')
  await dialog.getByLabel('Base model').selectOption('Search and Dictation')
  await dialog.getByLabel('Archive').setInputFiles(await makeArchive('SEARCH_AND_DICTATION'))
  await dialog.getByText(/Uploaded: \d+ MB/).waitFor()
  await sendForm(dialog)
  const card = cardOf(page, 'Calls')
  // The check of the files runs with a low CPU priority.
  await card.getByText('Ready', { exact: true }).waitFor({ timeout: 90_000 })
  await card.getByText(/Search and Dictation \+ upload [0-9a-f]{64}/).waitFor()
  expect(complaints).toEqual([])
})

/** The files of a base model, packed like those of a fine-tuned one. */
async function makeArchive(scenario: string): Promise<string> {
  const { models } = await readCatalog(resolve(import.meta.dirname, '../../src/catalog/catalog.json'))
  const artifacts = await openArtifacts({ dataDir: join(tmpdir(), 'custom-speech-test-models'), privateSources: false })
  const { encoder = '', decoder = '' } = await artifacts.fetch(models.find((one) => one.kind === 'ACOUSTIC' && one.scenario === scenario) as never)
  const dir = await makeDirectory()
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  await mkdir(join(dir, 'model'))
  await copyFile(encoder, join(dir, 'model', 'encoder_model.onnx'))
  await copyFile(decoder, join(dir, 'model', 'decoder_model_merged.onnx'))
  await create({ gzip: { level: 1 }, cwd: dir, file: join(dir, 'model.tgz') }, ['model'])
  return join(dir, 'model.tgz')
}

test('an acoustic model from an address or a package shows refusals at their fields, then is created', async () => {
  const { page, dialog } = await openModelForm(browser, idle, 'acoustic')
  await dialog.getByLabel('Name').fill('From elsewhere')
  await dialog.getByRole('button', { name: 'Web address' }).click()
  await dialog.getByLabel('Address of the archive').fill('http://models.example/calls.tgz')
  await dialog.getByLabel('SHA-256').fill('not a hash')
  await sendForm(dialog)
  expect(await problemOf(dialog.getByLabel('Address of the archive'))).toBe('Address must be an https: URL.')
  expect(await problemOf(dialog.getByLabel('SHA-256'))).toBe('SHA-256 must be 64 hex digits.')
  await dialog.getByRole('button', { name: 'npm package' }).click()
  await dialog.getByLabel('SHA-256').fill('')
  await dialog.getByLabel('Package').fill('calls')
  await sendForm(dialog)
  expect(await problemOf(dialog.getByLabel('Package'))).toMatch(/^Package must be a package name with an exact version/)
  await dialog.getByLabel('Package').fill('@example/calls@1.0.0')
  await sendForm(dialog)
  await cardOf(page, 'From elsewhere').getByText('Queued', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Create acoustic model' }).click()
  await dialog.getByLabel('Name').fill('from ELSEWHERE')
  await dialog.getByRole('button', { name: 'npm package' }).click()
  await dialog.getByLabel('Package').fill('@example/calls@1.0.0')
  await sendForm(dialog)
  expect(await problemOf(dialog.getByLabel('Name'))).toMatch(/already/)
})

test('the name and description of a model can be edited, and a taken name is refused at its field', async () => {
  const models = modelsOf(idle)
  await models.createLanguageModel({ name: 'Taken', text: cardText })
  await models.createLanguageModel({ name: 'Mistyped', text: cardText })
  const { page, complaints } = await openDashboard(browser, idle)
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('button', { name: 'Edit Mistyped' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('taken')
  await dialog.getByLabel('Description').fill('Typed right.')
  await dialog.getByRole('button', { name: 'Save' }).click()
  expect(await problemOf(dialog.getByLabel('Name'))).toMatch(/already/)
  await dialog.getByLabel('Name').fill('Corrected')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await cardOf(page, 'Corrected').getByText('Typed right.').waitFor()
  await dialog.waitFor({ state: 'detached' })
  expect(complaints).toEqual([])
})

test.each(['light', 'dark'] as const)('axe finds nothing serious in the forms of models, %s, also on a narrow screen', async (colorScheme) => {
  const source = await readFile(axe, 'utf8')
  const { page } = await openDashboard(browser, idle, { colorScheme })
  await page.getByRole('link', { name: 'Models' }).click()
  for (const kind of ['language', 'acoustic']) {
    await page.getByRole('button', { name: `Create ${kind} model` }).click()
    const dialog = page.getByRole('dialog')
    if (kind === 'language') {
      await dialog.getByRole('button', { name: 'Upload a file' }).click()
      await dialog.getByRole('button', { name: 'Add pronunciation' }).click()
      await dialog.getByLabel('Name').fill('Accessible')
      await sendForm(dialog)
      await dialog.getByText('Choose a file.').waitFor()
    }
    for (const width of [1280, 380]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await findViolations(page, source), `${kind}, ${width}`).toEqual([])
      expect(
        await page.evaluate("(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('[role=dialog]'))"),
        `${kind}, ${width}`,
      ).toBe(0)
    }
    await page.setViewportSize({ width: 1280, height: 800 })
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'detached' })
  }
})
