// The proxies that run with the files of deploy/, as they are but for addresses, certificate and paths.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { makeDirectory } from '../support/postgres.ts'
import { findFreePort } from '../support/program.ts'
import { until } from '../support/until.ts'

export const run = promisify(execFile)
export const deploy = resolve(import.meta.dirname, '../../deploy')

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

/** A proxy that runs with a file of deploy/, and the file that it logs to. */
export interface RunningProxy {
  port: number
  log: string
  errors(): string
}

/** The addresses in a file of deploy/, and those that replace them. */
export type Upstreams = readonly (readonly [written: string, real: string])[]

export const proxies = {
  async nginx(file: string, upstreams: Upstreams): Promise<RunningProxy> {
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
    const site = readSite(file, upstreams)
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

  async caddy(file: string, upstreams: Upstreams): Promise<RunningProxy> {
    const [directory, port] = [await makeDirectory(), await findFreePort()]
    const site = readSite(file, upstreams)
      .replace(/^\{/m, '{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects')
      .replace(
        /^(?:speech\.example|\{\$SITE_ADDRESS::80\}) \{([\s\S]*?)log \{/m,
        `https://speech.example:${port} {\n\ttls internal$1log {\n\t\toutput file ${directory}/access.log`,
      )
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

const readSite = (file: string, upstreams: Upstreams) =>
  upstreams.reduce(
    (site, [written, real]) => {
      expect(site).toContain(written)
      return site.replaceAll(written, real)
    },
    readFileSync(join(deploy, file), 'utf8'),
  )

export const tls = { rejectUnauthorized: false, servername: 'speech.example' }
export const hostOf = (port: number) => ({ host: `speech.example:${port}` })

export interface Answer {
  status: number
  text: string
}

/** Sends a request; answers at its end, or as soon as the text contains `enough`. */
export async function send(
  port: number,
  path: string,
  { method, body, headers = {}, enough }: { method?: string; body?: string | Buffer; headers?: Record<string, string>; enough?: string } = {},
): Promise<Answer> {
  const sent = request({
    port,
    host: '127.0.0.1',
    path,
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...hostOf(port), ...headers },
    ...tls,
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) {
    text += chunk
    if (enough && text.includes(enough)) break
  }
  return { status: response.statusCode, text }
}
