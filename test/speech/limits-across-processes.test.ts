// Two processes with the role speech share the limits of sessions and of wrong keys.
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { type RunningService, startService } from '../../src/main.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { createTestClient, referenceRecording, uuidOf } from '../support/service.ts'
import { openSocket } from '../support/speech-socket.ts'
import { until } from '../support/until.ts'

const maxOfKey = 2
const maxOfDeployment = 3
const header = Buffer.from(referenceRecording().subarray(0, 44))
header.writeUInt32LE(0, 40)

let one: RunningService
let other: RunningService
let api: ReturnType<typeof createTestClient>
let sql: ReturnType<typeof postgres>
let url: string
let deploymentId: string
let closeAll: () => Promise<void>
beforeAll(async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  const dataDir = await makeDirectory()
  const settings = { MAX_SESSIONS_PER_KEY: String(maxOfKey), MAX_SESSIONS_PER_DEPLOYMENT: String(maxOfDeployment), RECOGNIZERS: '1', LOG_LEVEL: 'error' }
  const shared = { ...settings, DATABASE_URL: database.url, DATA_DIR: dataDir, PORT: '0' }
  one = await startService(readConfig(shared))
  other = await startService(readConfig({ ...shared, ROLES: 'speech' }))
  api = createTestClient(one.localUrl, one.key)
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  const { deployment, deploymentId: id } = await api.deploy()
  url = deployment.endpoint?.webSocketUrl.replace('interactive', 'conversation') ?? ''
  deploymentId = uuidOf(id)
  closeAll = async () => {
    await Promise.all([api.dispose(), sql.end()])
    await Promise.all([one.close(), other.close()])
    await database.drop()
    await rm(dataDir, { recursive: true, force: true })
  }
})
afterAll(() => closeAll())

const at = (service: RunningService) => url.replace(new URL(url).host, new URL(service.localUrl).host)

/** Opens a session that keeps its slot until its close. */
async function hold(service: RunningService, key: string) {
  const client = await openSocket(at(service), key)
  client.audio(randomUUID().replaceAll('-', ''), header)
  await client.until(/turn\.start/)
  return client
}

/** The code and the text of the refusal of a recording; undefined when it is recognized. */
async function findRefusal(service: RunningService, key: string): Promise<string | undefined> {
  const response = await api.post(at(service).replace('ws', 'http'), referenceRecording(), { 'Ocp-Apim-Subscription-Key': key })
  const { code, detail } = (await response.json()) as { code?: string; detail?: string }
  return code && `${code}: ${detail}`
}

async function createKey(): Promise<string> {
  const { data } = await api.ask('mutation { createKey(input: { name: "For a test", scopes: [RECOGNIZE] }) { ... on CreateKeySuccess { secret } } }')
  return data?.['createKey'].secret
}

test('the sessions of a key and of a deployment count in all processes, until they end', async () => {
  const key = await createKey()
  const held = [await hold(one, key), await hold(one, key), await hold(one, await createKey())]
  await until(async () => (await findRefusal(other, key))?.includes('This key recognizes') ?? false)
  const fresh = await createKey()
  await until(async () => (await findRefusal(other, fresh))?.includes('This deployment recognizes') ?? false)
  for (const { socket } of held) socket.terminate()
  await until(async () => (await findRefusal(other, key)) === undefined)
})

test('the counts of a process that has died expire', async () => {
  const key = await createKey()
  const counts = { [`deployment:${deploymentId}`]: 100 }
  await sql`insert into process_counts (process, counts, updated_at) values (${randomUUID()}, ${sql.json(counts)}, now() - interval '5 seconds')`
  await sql`select pg_notify('custom_speech', 'process-counts')`
  await until(async () => (await findRefusal(other, key))?.startsWith('TOO_MANY_SESSIONS') ?? false)
  for (const service of [one, other]) await until(async () => (await findRefusal(service, key)) === undefined)
})

test('without the counts of the others, each process applies its own', async () => {
  const key = await createKey()
  await sql`alter table process_counts rename to process_counts_away`
  const held = [await hold(one, key), await hold(one, key)]
  expect(await findRefusal(one, key)).toContain('This key')
  expect(await findRefusal(other, key)).toBeUndefined()
  for (const { socket } of held) socket.terminate()
  await sql`alter table process_counts_away rename to process_counts`
})

test('wrong keys that one process refused delay the refusals of the other', async () => {
  const localAddress = '127.0.0.99'
  const tryWrong = (service: RunningService) =>
    new Promise<number>((done, failed) => {
      const began = performance.now()
      const options = { method: 'POST', localAddress, agent: false, headers: { authorization: 'Bearer cs_wrong-wrong-wrong-wrong-wrong' } }
      const sent = request(`${service.localUrl}/sts/v1.0/issueToken`, options, (response) => {
        response.resume()
        response.once('end', () => done(performance.now() - began))
      })
      sent.on('error', failed)
      sent.end()
    })
  await Promise.all(Array.from({ length: 40 }, () => tryWrong(one)))
  // Fewer tries than those that a process by itself would delay.
  let tries = 0
  await until(async () => (await tryWrong(other)) > 900 || ++tries > 25 || (await delay(300)))
  expect(tries).toBeLessThan(25)
})
