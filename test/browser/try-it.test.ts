// Try it: recordings and speech from the microphone.
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { countWordErrors, wordErrorRate } from '../../src/decoding/word-errors.ts'
import { makeDirectory } from '../support/postgres.ts'
import { librivoxRecordings, openTestService, type Service, startTestService } from '../support/service.ts'
import { findViolations, openBrowser, openDashboard } from './browser.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

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

const fakeMicrophone = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']

const goToDeployment = (page: Page, { localUrl }: Service, id: string) => page.goto(`${localUrl}/deployments/${encodeURIComponent(id)}`)
const sendRecording = (page: Page, name: string, buffer: Buffer) => page.getByLabel('Recording').setInputFiles({ name, mimeType: 'audio/wav', buffer })

/** The number of open speech sessions. */
const countSessions = () => api.readFigure('sessions')

/** The same sound as 8-bit PCM. */
function toEightBits(wav: Buffer): Buffer {
  const samples = Buffer.alloc((wav.length - 44) / 2)
  for (let n = 0; n < samples.length; n++) samples[n] = 128 + (wav.readInt16LE(44 + n * 2) >> 8)
  const header = Buffer.from(wav.subarray(0, 44))
  header.writeUInt32LE(36 + samples.length, 4)
  header.writeUInt32LE(16_000, 28)
  header.writeUInt16LE(1, 32)
  header.writeUInt16LE(8, 34)
  header.writeUInt32LE(samples.length, 40)
  return Buffer.concat([header, samples])
}

test('a format that the endpoint cannot stream is decoded by the browser', async () => {
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(browser, api)
  await goToDeployment(page, api, deployed.deploymentId)
  const [recording] = librivoxRecordings()
  await sendRecording(page, 'old.wav', toEightBits(recording?.wav ?? Buffer.alloc(0)))
  await page.locator('.attempt', { hasText: /leisure.*old\.wav.*to answer/ }).waitFor()
  expect(complaints).toEqual([])
})

/** The sentences of the novel in a loop. */
function longRecording(seconds: number): Buffer<ArrayBuffer> {
  const sentences = librivoxRecordings().map(({ wav }) => wav)
  const pcm = Buffer.alloc(seconds * 32_000)
  for (let at = 0, n = 0; at < pcm.length; n++) at += sentences[n % sentences.length]?.copy(pcm, at, 44) || pcm.length
  const header = Buffer.from(sentences[0]?.subarray(0, 44) ?? '')
  header.writeUInt32LE(36 + pcm.length, 4)
  header.writeUInt32LE(pcm.length, 40)
  return Buffer.concat([header, pcm])
}

test('a long recording shows its progress and growing text, and can be canceled', { timeout: 240_000 }, async () => {
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(browser, api)
  await goToDeployment(page, api, deployed.deploymentId)
  await sendRecording(page, 'long.wav', longRecording(500))
  const bar = page.getByRole('progressbar', { name: 'Upload of long.wav' })
  await page.getByText(/MB of 16 MB sent/).waitFor()
  await page.locator('.heard').getByText('amiable').waitFor({ timeout: 60_000 })
  expect(Number(await bar.getAttribute('value'))).toBeLessThan(5_000_000)
  // The bar is below the text and as wide.
  expect((await bar.boundingBox())?.width).toBe((await page.locator('.heard').boundingBox())?.width)
  expect(await findViolations(page, await readFile(axe, 'utf8'))).toEqual([])
  // Screen readers do not announce the amounts between the words.
  expect(await page.getByRole('log').locator('.transfer').getAttribute('aria-live')).toBe('off')
  const before = Number(await bar.getAttribute('value'))
  await expect.poll(() => bar.getAttribute('value').then(Number), { timeout: 30_000 }).toBeGreaterThan(before)
  await page.getByRole('button', { name: 'Cancel long.wav' }).click()
  await page.getByText('long.wav · canceled').waitFor()
  await bar.waitFor({ state: 'detached' })
  expect(await page.locator('.attempt .heard').textContent()).toContain('amiable')
  // Little audio was sent ahead, so the endpoint is soon free for other clients.
  await expect.poll(countSessions, { timeout: 20_000 }).toBe(0)

  await sendRecording(page, 'minutes.wav', longRecording(65))
  await page.getByText(/^minutes\.wav · 6\d s of audio/).waitFor({ timeout: 90_000 })
  expect(await page.locator('.field-problem').count()).toBe(0)
  expect(complaints).toEqual([])
})

test('spoken words appear as hypotheses and become phrases', async () => {
  const spoken = librivoxRecordings()[4]
  const dir = await makeDirectory()
  await writeFile(join(dir, 'spoken.wav'), spoken?.wav ?? '')
  const listening = await openBrowser([...fakeMicrophone, `--use-file-for-fake-audio-capture=${dir}/spoken.wav%noloop`])
  onTestFinished(() => listening.close())
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(listening, api, { permissions: ['microphone'] })
  await goToDeployment(page, api, deployed.deploymentId)
  await page.getByRole('button', { name: 'Speak' }).click()
  await page.locator('.hypothesis', { hasText: /\w+ \w+/ }).waitFor()
  await page.getByRole('log').getByText('from the last word to its text').waitFor()
  const heard = (await page.locator('.heard').textContent()) ?? ''
  expect(wordErrorRate([countWordErrors(spoken?.text ?? '', heard)])).toBeLessThan(0.3)
  console.log(`spoken: ${(await page.locator('.attempt .detail').textContent())?.trim()}`)
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByRole('button', { name: 'Speak' }).waitFor()
  expect(await page.locator('.field-problem').count()).toBe(0)
  expect(complaints).toEqual([])
})

test('leaving the page closes the microphone, also if the permission is given later', async () => {
  const listening = await openBrowser(fakeMicrophone)
  onTestFinished(() => listening.close())
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(listening, api, { permissions: ['microphone'] })
  // The permission is given when `asked` resolves.
  await page.addInitScript(`{
    globalThis.tracks = []
    globalThis.asked = undefined
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      await asked
      const media = await open(wanted)
      tracks.push(...media.getTracks())
      return media
    }
  }`)
  const readTracks = () => page.evaluate('tracks.map(({ readyState }) => readyState)')
  await goToDeployment(page, api, deployed.deploymentId)
  await page.getByRole('button', { name: 'Speak' }).click()
  await page.getByRole('button', { name: 'Stop', disabled: false }).waitFor()
  await expect.poll(countSessions).toBe(1)
  expect(await readTracks()).toEqual(['live'])
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('heading', { name: 'Language models' }).waitFor()
  expect(await readTracks()).toEqual(['ended'])
  await expect.poll(countSessions, { timeout: 5_000 }).toBe(0)

  await page.goBack()
  await page.evaluate('void (asked = new Promise((resolve) => { globalThis.answer = resolve }))')
  await page.getByRole('button', { name: 'Speak' }).click()
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('heading', { name: 'Language models' }).waitFor()
  await page.evaluate('answer()')
  await expect.poll(readTracks).toEqual(['ended', 'ended'])
  expect(await countSessions()).toBe(0)
  expect(complaints).toEqual([])
})

test('a refused recording shows the reason, not that it is too long', async () => {
  const small = await startTestService({ MAX_SESSIONS: '1' })
  const deployed = await small.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(browser, small)
  await goToDeployment(page, small, deployed.deploymentId)
  await sendRecording(page, 'first.wav', longRecording(120))
  await page.locator('.heard').getByText('amiable').waitFor()
  await sendRecording(page, 'second.wav', longRecording(65))
  const problem = page.locator('.attempt.done', { hasText: 'second.wav' }).getByRole('alert')
  expect(await problem.textContent()).toBe('The server is busy. Try again in a moment.')
  await page.getByRole('button', { name: 'Cancel first.wav' }).click()
  await page.getByText('first.wav · canceled').waitFor()
  expect(complaints).toEqual([])
})
