// The configuration files of deploy/, as they are but for addresses, certificate and paths.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { makeDirectory } from '../support/postgres.ts'
import { findFreePort } from '../support/program.ts'
import { openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const deploy = resolve(import.meta.dirname, '../../deploy')

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

/** Starts a proxy; ends it, and removes its directory, with the test. */
async function startProxy(command: string, args: string[], directory: string, port: number, env: Record<string, string> = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH, ...env } })
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += chunk))
  onTestFinished(() => endProxy(child, directory))
  await until(async () => child.exitCode !== null || (await send(port, '/health').catch(() => undefined))?.status === 200)
  expect(child.exitCode, errors).toBeNull()
  return () => errors
}

async function endProxy(child: ChildProcess, directory: string) {
  if (child.exitCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await rm(directory, { recursive: true, force: true })
}

const proxies = {
  async nginx() {
    const [directory, port] = [await makeDirectory(), await findFreePort()]
    await run(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=speech.example'].concat([
        '-keyout',
        `${directory}/key`,
        '-out',
        `${directory}/certificate`,
      ]),
    )
    const site = readFileSync(join(deploy, 'nginx.conf'), 'utf8')
      .replace('127.0.0.1:4000', new URL(api.localUrl).host)
      .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
      .replace('/etc/ssl/certs/speech.example.pem', `${directory}/certificate`)
      .replace('/etc/ssl/private/speech.example.key', `${directory}/key`)
      .replace('/var/log/nginx/custom-speech.log', `${directory}/access.log`)
      .replace('/var/log/nginx/custom-speech-error.log', `${directory}/error.log`)
    await writeFile(join(directory, 'site.conf'), site)
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')
    await writeFile(
      join(directory, 'nginx.conf'),
      `daemon off; pid ${directory}/pid; error_log stderr; worker_processes 1; events {} http { ${paths} include ${directory}/site.conf; }`,
    )
    const errors = await startProxy(process.env['NGINX'] ?? '/usr/sbin/nginx', ['-c', join(directory, 'nginx.conf'), '-p', directory], directory, port)
    return { port, log: join(directory, 'access.log'), errors }
  },

  async caddy() {
    const [directory, port] = [await makeDirectory(), await findFreePort()]
    const site = readFileSync(join(deploy, 'Caddyfile'), 'utf8')
      .replace('127.0.0.1:4000', new URL(api.localUrl).host)
      .replace(/^\{/m, '{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects')
      .replace(/^speech\.example \{([\s\S]*?)log \{/m, `https://speech.example:${port} {\n\ttls internal$1log {\n\t\toutput file ${directory}/access.log`)
    await writeFile(join(directory, 'Caddyfile'), site)
    const homes = { HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory }
    const errors = await startProxy(
      process.env['CADDY'] ?? '/usr/bin/caddy',
      ['run', '--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile'],
      directory,
      port,
      homes,
    )
    return { port, log: join(directory, 'access.log'), errors }
  },
}

const tls = { rejectUnauthorized: false, servername: 'speech.example' }
const hostOf = (port: number) => ({ host: `speech.example:${port}` })

interface Answer {
  status: number
  text: string
}

/** Sends a request; answers at its end, or as soon as the text contains `enough`. */
async function send(
  port: number,
  path: string,
  { body, headers = {}, enough }: { body?: string | Buffer; headers?: Record<string, string>; enough?: string } = {},
): Promise<Answer> {
  const sent = request({ port, host: '127.0.0.1', path, method: body === undefined ? 'GET' : 'POST', headers: { ...hostOf(port), ...headers }, ...tls })
  sent.end(body)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) {
    text += chunk
    if (enough && text.includes(enough)) break
  }
  return { status: response.statusCode, text }
}

describe.each(Object.keys(proxies) as (keyof typeof proxies)[])('%s with TLS', (name) => {
  test('passes queries, events, WebSockets and refusals, and keeps keys out of its log', async () => {
    const { port, log, errors } = await proxies[name]()
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
  })
})

test('the alert rules fire on their conditions', async () => {
  const { stdout } = await run(process.env['PROMTOOL'] ?? 'promtool', ['test', 'rules', join(deploy, 'alerts.test.yml')])
  expect(stdout).toContain('SUCCESS')
})
