// Recordings and speech, tried with an endpoint.
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { countWordErrors, wordErrorRate } from '../../src/recognition/word-errors.ts'
import { makeDirectory } from '../postgres.ts'
import { librivoxRecordings, openTestService, type Service } from '../service.ts'
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

/** The same sound as old programs kept it. */
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

test('what an endpoint does not take, but a browser can play, is turned into what it takes', async () => {
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(browser, api)
  await page.goto(`${api.localUrl}/deployments/${encodeURIComponent(deployed.deploymentId)}`)
  const [recording] = librivoxRecordings()
  await page.getByLabel('Recording').setInputFiles({ name: 'old.wav', mimeType: 'audio/wav', buffer: toEightBits(recording?.wav ?? Buffer.alloc(0)) })
  await page.locator('.attempt', { hasText: /leisure.*old\.wav.*to answer/ }).waitFor()
  expect(complaints).toEqual([])
})

/** The novel's sentences one after the other, again and again. */
function longRecording(seconds: number): Buffer<ArrayBuffer> {
  const sentences = librivoxRecordings().map(({ wav }) => wav)
  const pcm = Buffer.alloc(seconds * 32_000)
  for (let at = 0, n = 0; at < pcm.length; n++) at += sentences[n % sentences.length]?.copy(pcm, at, 44) || pcm.length
  const header = Buffer.from(sentences[0]?.subarray(0, 44) ?? '')
  header.writeUInt32LE(36 + pcm.length, 4)
  header.writeUInt32LE(pcm.length, 40)
  return Buffer.concat([header, pcm])
}

test('a long recording shows how far it is while its text grows, and can be canceled', { timeout: 180_000 }, async () => {
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(browser, api)
  await page.goto(`${api.localUrl}/deployments/${encodeURIComponent(deployed.deploymentId)}`)
  const send = (name: string, buffer: Buffer) => page.getByLabel('Recording').setInputFiles({ name, mimeType: 'audio/wav', buffer })
  await send('long.wav', longRecording(500))
  const bar = page.getByRole('progressbar', { name: 'Sending of long.wav' })
  await page.getByText(/MB of 16 MB sent/).waitFor()
  await page.locator('.heard').getByText('amiable').waitFor()
  expect(Number(await bar.getAttribute('value'))).toBeLessThan(5_000_000)
  // The bar stands below the text and is as wide.
  expect((await bar.boundingBox())?.width).toBe((await page.locator('.heard').boundingBox())?.width)
  expect(await findViolations(page, await readFile(axe, 'utf8'))).toEqual([])
  const before = Number(await bar.getAttribute('value'))
  await expect.poll(() => bar.getAttribute('value').then(Number), { timeout: 30_000 }).toBeGreaterThan(before)
  await page.getByRole('button', { name: 'Cancel long.wav' }).click()
  await page.getByText('long.wav · canceled').waitFor()
  await bar.waitFor({ state: 'detached' })
  expect(await page.locator('.attempt .heard').textContent()).toContain('amiable')
  // What was on its way is little, so that the endpoint is soon free for others.
  await expect.poll(async () => (await fetch(`${api.localUrl}/metrics`)).text(), { timeout: 20_000 }).toMatch(/^custom_speech_speech_sessions 0$/m)

  await send('minutes.wav', longRecording(65))
  await page.getByText(/^minutes\.wav · 6\d s of audio/).waitFor()
  expect(await page.locator('.field-problem').count()).toBe(0)
  expect(complaints).toEqual([])
})

test('spoken words grow as hypotheses and settle as phrases', async () => {
  const spoken = librivoxRecordings()[4]
  const dir = await makeDirectory()
  await writeFile(join(dir, 'spoken.wav'), spoken?.wav ?? '')
  const listening = await openBrowser([
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${dir}/spoken.wav%noloop`,
  ])
  onTestFinished(() => listening.close())
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page, complaints } = await openDashboard(listening, api, { permissions: ['microphone'] })
  await page.goto(`${api.localUrl}/deployments/${encodeURIComponent(deployed.deploymentId)}`)
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
