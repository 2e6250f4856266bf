// What a process opens and reports for its roles: three processes, one role each, on one database.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
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
    ['api', { status: 'ready', accepting: true, postgres: true }],
    ['jobs', { status: 'ready', accepting: true, postgres: true, queue: true }],
    ['speech', { status: 'ready', accepting: true, postgres: true, recognizer: true }],
  ] as const)('%s', async (role, expected) => {
    const response = await fetch(`${services[role].localUrl}/ready`)
    expect([response.status, await response.json()]).toEqual([200, expected])
  })
})

/** What promtool finds wrong in the text of `/metrics`. */
async function lint(text: string) {
  const child = spawn(process.env['PROMTOOL'] ?? 'promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk) => (said += chunk))
  child.stdin.end(text)
  const [code] = await once(child, 'close')
  return { code, said }
}

describe('/metrics', () => {
  const figures = async (role: (typeof roles)[number]) => (await fetch(`${services[role].localUrl}/metrics`)).text()

  test.each(roles)('follows the conventions of Prometheus in a process with the role %s', async (role) => {
    const text = await figures(role)
    expect(await lint(text)).toEqual({ code: 0, said: '' })
    expect(text).toMatch(new RegExp(`^custom_speech_build_info{version="\\d+\\.\\d+\\.\\d+",node="24\\.[\\d.]+",roles="${role}"} 1$`, 'm'))
    for (const name of ['process_start_time_seconds', 'custom_speech_event_loop_delay_seconds_bucket', 'custom_speech_postgres_connections'])
      expect(text).toMatch(new RegExp(`^${name}`, 'm'))
  })

  test('has the figures of the database with api and jobs, and those of recognizers with jobs and speech', async () => {
    const names = ['custom_speech_deployments', 'custom_speech_recognizer_load']
    const found = await Promise.all(roles.map(async (role) => [role, await figures(role)] as const))
    const which = Object.fromEntries(found.map(([role, text]) => [role, names.filter((name) => text.includes(`# TYPE ${name} `))]))
    expect(which).toEqual({ api: [names[0]], jobs: names, speech: [names[1]] })
  })
})
