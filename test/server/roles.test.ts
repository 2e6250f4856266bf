// What a process opens and reports for its roles: three processes, one role each, on one database.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { childrenRunning } from '../support/recognizers.ts'
import { openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'

const programs = ['detector.process.ts', 'worker.process.ts'] as const
const recognizerProcesses = () => programs.flatMap((program) => childrenRunning(program))

const roles = ['api', 'jobs', 'speech'] as const
const services = {} as Record<(typeof roles)[number], Service>
const processesBefore: Record<string, number> = {}

beforeAll(async () => {
  const key = `cs_${crypto.randomUUID()}`
  services.api = await openTestService({ ROLES: 'api', BOOTSTRAP_KEY: key })
  processesBefore['api'] = recognizerProcesses().length
  const shared = { BOOTSTRAP_KEY: key, DATABASE_URL: services.api.databaseUrl }
  // No job runs before the speech process is there.
  services.jobs = await openTestService({ ...shared, ROLES: 'jobs', PUBLIC_URL: services.api.localUrl })
  processesBefore['jobs'] = recognizerProcesses().length
  services.speech = await openTestService({ ...shared, ROLES: 'speech' })
})
afterAll(async () => {
  for (const role of roles.toReversed()) await services[role]?.close()
})

test('a process without the role speech starts no detector and no recognizer', async () => {
  expect(processesBefore).toEqual({ api: 0, jobs: 0 })
  await until(async () => recognizerProcesses().length > 0)
})

describe('/ready names what the roles of a process need', () => {
  test.each([
    ['api', { status: 'ready', postgres: true }],
    ['jobs', { status: 'ready', postgres: true, queue: true }],
    ['speech', { status: 'ready', postgres: true, recognizer: true }],
  ] as const)('%s', async (role, expected) => {
    const response = await fetch(`${services[role].localUrl}/ready`)
    expect([response.status, await response.json()]).toEqual([200, expected])
  })
})
