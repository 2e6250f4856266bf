// Makes the pictures in docs/: real deployments of a real server, and copies of them with other dates and statuses.
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import postgres from 'postgres'
import { readConfig } from '../../src/config.ts'
import { openLog } from '../../src/log.ts'
import { startService } from '../../src/main.ts'
import { openEmbeddedPostgres } from '../../src/postgres/embedded/server.ts'
import { cardText, makeZip, modelsOf } from '../support/models.ts'
import { makeDirectory, readStoredColumns } from '../support/postgres.ts'
import { cardRecordings, createTestClient, librivoxRecordings } from '../support/service.ts'
import { openBrowser } from './browser.ts'

const docs = resolve(import.meta.dirname, '../../docs')
const dir = await makeDirectory()
const server = await openEmbeddedPostgres(join(dir, 'postgres'), openLog('error'))
const service = await startService(readConfig({ DATABASE_URL: server.url, DATA_DIR: dir, PORT: '4123', RECOGNIZERS: '1' }))
const api = createTestClient(service.localUrl, service.key)
const sql = postgres(server.url, { onnotice: () => {} })
const browser = await openBrowser()

async function deploy(name: string, scenario: string, description: string): Promise<string> {
  const { deployment } = await api.create({ ...(await api.sampleInput(scenario)), name, description })
  for await (const change of api.watch(deployment.id)) if (change.status === 'FAILED') throw new Error(change.message)
  return deployment.id
}

/** Copies a deployment with another name, age and values. */
async function pretend(like: string, name: string, hoursAgo: number, values: object) {
  const id = Buffer.from(like, 'base64').toString().split(':')[1] ?? ''
  const changes = { name, created_at: new Date(Date.now() - hoursAgo * 3.6e6).toISOString(), ...values }
  const columns = await readStoredColumns(sql, 'deployments')
  await sql`insert into deployments (${sql(columns)}) select ${sql(columns)} from (select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(make_interval(secs => ${-hoursAgo * 3600}))) || ${sql.json(changes as never)}::jsonb)).* from deployments d where d.id = ${id}) as copies`
}

/** Makes a language model with an evaluation and one that is being built. */
async function makeLanguageModels() {
  const models = modelsOf({ ...api, localUrl: service.localUrl, key: service.key })
  // Every second recording is evaluated; the longest must be one of them.
  const recordings = cardRecordings()
  recordings.splice(1, 0, ...recordings.splice(-1))
  const transcripts = recordings.map(({ text }, n) => `${n}.wav\t${text}`).join('\n')
  const zip = makeZip({ ...Object.fromEntries(recordings.map(({ wav }, n) => [`${n}.wav`, wav])), 'transcripts.tsv': transcripts })
  const { id: recordingsUploadId } = (await (await models.upload('recordings', zip)).json()) as { id: string }
  const cards = {
    name: 'Card games',
    description: 'Cards, as they are called out.',
    text: cardText,
    phrases: ['four of clubs', 'ten of clubs'],
    recordingsUploadId,
  }
  const { model } = await models.createLanguageModel(cards)
  for await (const change of models.watch(model.id)) if (change.status === 'FAILED') throw new Error(change.message)
  const id = Buffer.from(model.id, 'base64').toString().split(':')[1] ?? ''
  const changes = {
    name: 'Pharmacy',
    description: 'Orders by telephone.',
    status: 'BUILDING',
    stage: 'TRAINING',
    statistics: null,
    evaluation: null,

    progress: 0.46,
    deadline_at: new Date(Date.now() + 3.6e6),
  }
  await sql`insert into models select (jsonb_populate_record(m, jsonb_build_object('id', uuidv7()) || ${sql.json(changes as never)}::jsonb)).* from models m where m.id = ${id}`
}

const show: Record<string, (page: Page) => Promise<unknown>> = {
  async deployments(page) {
    await page.goto(service.localUrl)
    await page.getByRole('row').nth(3).waitFor()
  },
  async create(page) {
    await page.goto(`${service.localUrl}/new`)
    await page.getByLabel('Name', { exact: true }).fill('Reception, second floor')
    await page.getByLabel('Description').fill('Calls to the reception, for the minutes.')
    await page.getByRole('group', { name: 'Acoustic Model' }).getByRole('radio').first().check()
    await page.getByText('does not mix').first().waitFor()
    await page.getByLabel('Name', { exact: true }).blur()
  },
  async deployment(page) {
    await page.goto(service.localUrl)
    await page.getByRole('link', { name: 'Front desk' }).click()
    for (const [n, recording] of librivoxRecordings().slice(2, 4).entries()) {
      await page.getByLabel('Recording').setInputFiles({ name: `caller-${n + 1}.wav`, mimeType: 'audio/wav', buffer: recording.wav })
      await page.getByText('to answer').nth(n).waitFor()
    }
  },
  async models(page) {
    await page.goto(`${service.localUrl}/models`)
    await page.getByRole('heading', { name: 'Card games' }).waitFor()
  },
  async keys(page) {
    await page.goto(`${service.localUrl}/keys`)
    await page.getByRole('row').nth(2).waitFor()
  },
}

try {
  const frontDesk = await deploy('Front desk', 'CONVERSATIONAL', 'Calls to the front desk, for the minutes.')
  const search = await deploy('Voice search', 'SEARCH_AND_DICTATION', 'Spoken queries of the shop.')
  await pretend(search, 'Doctor’s letters', 30, {})
  await pretend(frontDesk, 'Board meetings', 75, {})
  await pretend(frontDesk, 'Interviews 2025', 170, {})
  await pretend(search, 'Kiosk', 52, {
    status: 'FAILED',
    stage: 'FETCHING',
    progress: 0.12,
    failure: {
      stage: 'FETCHING',
      code: 'ARTIFACT_UNREACHABLE',
      message: 'The server that has the file “decoder” does not answer. Check the network, then retry.',
    },
  })
  await makeLanguageModels()
  await pretend(frontDesk, 'Help desk', 0.01, {
    status: 'PROVISIONING',
    stage: 'LOADING',
    progress: 0.62,
    started_at: new Date(),
    completed_at: null,
    verification: null,
  })
  for (const [name, scopes] of [
    ['Call center', '[RECOGNIZE]'],
    ['Monitoring', '[READ]'],
  ])
    await api.ask(`mutation { createKey(input: { name: "${name}", scopes: ${scopes} }) { __typename } }`)
  await mkdir(docs, { recursive: true })
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1180, height: 760 } })
    await page.goto(`${service.localUrl}/#key=${service.key}`)
    await page.getByText('Live', { exact: true }).waitFor()
    for (const [name, prepare] of Object.entries(show)) {
      await prepare(page)
      await page.mouse.move(640, 790)
      await page.waitForTimeout(300)
      await page.setViewportSize({ width: 1180, height: 800 })
      await page.screenshot({ path: join(docs, `${name}-${colorScheme}.png`), fullPage: name === 'create' || name === 'models' })
    }
    await page.close()
  }
} finally {
  await browser.close()
  await sql.end()
  await api.dispose()
  await service.close()
  await server.close()
  await rm(dir, { recursive: true, force: true })
}
