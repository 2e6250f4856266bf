// The configuration files of deploy/, as they are but for addresses, certificate and paths.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'
import { deploy, hostOf, proxies, run, send, tls } from './deploy-proxies.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

describe.each([
  ['nginx', 'nginx.conf'],
  ['caddy', 'Caddyfile'],
] as const)('%s with TLS', (name, file) => {
  test('passes queries, events, WebSockets and refusals, and keeps keys out of its log', async () => {
    const { port, log, errors } = await proxies[name](file, [['127.0.0.1:4000', new URL(api.localUrl).host]])
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${api.key}` }
    const { id } = (await api.create())['deployment']
    const query = await send(port, '/graphql', { body: '{"query":"{ deployments { totalCount } }"}', headers })
    expect(query).toEqual({ status: 200, text: expect.stringMatching(/^{"data":{"deployments":{"totalCount":\d}}}$/) })

    const events = { query: `subscription { deploymentStatusChanged(deploymentId: "${id}") { ... on DeploymentStatusChange { status } } }` }
    const stream = await send(port, '/graphql', { body: JSON.stringify(events), headers: { ...headers, accept: 'text/event-stream' }, enough: 'QUEUED' })
    expect(stream.text).toContain('event: next')
    expect(stream.text).toContain('QUEUED')

    const socket = new WebSocket(`wss://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', { ...tls, headers: hostOf(port) })
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } }))
    expect(String((await once(socket, 'message'))[0])).toContain('connection_ack')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: events }))
    expect(String((await once(socket, 'message'))[0])).toContain('QUEUED')

    const large = await send(port, '/graphql', { body: Buffer.alloc(5_000_000, ' '), headers })
    expect([large.status, JSON.parse(large.text).errors[0].message]).toEqual([413, expect.any(String)])

    await send(port, `/speech/recognition/conversation/cognitiveservices/v1?Ocp-Apim-Subscription-Key=${api.key}`)
    await until(async () => /speech\/recognition/.test(await readFile(log, 'utf8').catch(() => '')))
    expect(await readFile(log, 'utf8')).not.toContain(api.key)
    expect(errors()).not.toContain(api.key)
    // The figures of the process are not public.
    expect((await send(port, '/metrics')).status).toBe(404)
  })
})

test('the compose files have the settings, secrets and volumes that they use', () => {
  for (const file of ['../docker-compose.yml', 'compose.roles.yml']) {
    const { services, secrets = {}, volumes } = parse(readFileSync(join(deploy, file), 'utf8'), { merge: true })
    for (const service of Object.values<any>(services)) {
      for (const name of service.secrets ?? []) expect(Object.keys(secrets)).toContain(name)
      for (const volume of service.volumes ?? []) if (/^\w/.test(volume)) expect(Object.keys(volumes)).toContain(volume.split(':')[0])
      for (const name of Object.keys(service.depends_on ?? {})) if (!Array.isArray(service.depends_on)) expect(Object.keys(services)).toContain(name)
      const { DATABASE_URL_FILE, BOOTSTRAP_KEY_FILE, ...settings } = service.environment ?? {}
      if (!service.build) continue
      const samples = Object.entries(settings).map(([name, value]) => [
        name,
        String(value)
          .replace(/\$\{\w+:-(.*)\}$/, '$1')
          .replace(/\$\{\w+:-(.*?)\}/, '$1'),
      ])
      const config = readConfig(Object.fromEntries(samples))
      expect(config.http.publicUrl).toBe('http://localhost:4000')
      expect(service).toMatchObject({ read_only: true, init: true })
    }
  }
})

test('the compose file of an S3-compatible store gives its account to all roles as secrets', () => {
  const read = (file: string) => parse(readFileSync(join(deploy, file), 'utf8'), { merge: true })
  const [roles, store] = [read('compose.roles.yml'), read('compose.s3.yml')]
  expect(Object.keys(store.services)).toEqual(Object.keys(roles.services).filter((name) => roles.services[name].build))
  for (const { environment, secrets } of Object.values<any>(store.services)) {
    expect(secrets).toEqual(Object.keys(store.secrets))
    for (const [name, value] of Object.entries<string>(environment)) {
      if (/SECRET|ACCESS/.test(name)) expect(secrets.map((secret: string) => `/run/secrets/${secret}`)).toContain(value)
    }
  }
})

test('the alert rules fire on their conditions', async () => {
  const { stdout } = await run(process.env['PROMTOOL'] ?? 'promtool', ['test', 'rules', join(deploy, 'alerts.test.yml')])
  expect(stdout).toContain('SUCCESS')
})
