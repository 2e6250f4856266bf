// nginx with deploy/nginx.roles.conf before the processes of a house, without TLS.
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { root } from '../../support/imports.ts'
import { makeDirectory } from '../../support/postgres.ts'
import { findFreePort } from '../../support/program.ts'
import type { OnFinished } from '../../support/service.ts'
import { startProgram } from './program.ts'

/** Starts nginx before processes that need not run yet. */
export async function startRoleProxy(ports: { api: number[]; speech: number[] }, onFinished: OnFinished): Promise<string> {
  const [directory, port] = [await makeDirectory(), await findFreePort()]
  const changes: [written: string, real: string][] = [
    ['listen 443 ssl;', `listen 127.0.0.1:${port};`],
    ['  ssl_certificate /etc/ssl/certs/speech.example.pem;\n', ''],
    ['  ssl_certificate_key /etc/ssl/private/speech.example.key;\n', ''],
    ['/var/log/nginx/custom-speech.log', `${directory}/access.log`],
    ['/var/log/nginx/custom-speech-error.log', `${directory}/error.log`],
    ...[...ports.api, ...ports.speech].map((to, n): [string, string] => [`10.0.0.${n + 1}:4000`, `127.0.0.1:${to}`]),
  ]
  let site = readFileSync(join(root, 'deploy/nginx.roles.conf'), 'utf8')
  for (const [written, real] of changes) {
    expect(site).toContain(written)
    site = site.replaceAll(written, real)
  }
  await writeFile(join(directory, 'site.conf'), site)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')
  const file = join(directory, 'nginx.conf')
  await writeFile(
    file,
    `daemon off; pid ${directory}/pid; error_log stderr; worker_processes 1; events { worker_connections 1024; } http { ${paths} include ${directory}/site.conf; }`,
  )
  onFinished(() => rm(directory, { recursive: true, force: true }))
  const isReady = () => fetch(`http://127.0.0.1:${port}`).catch(() => undefined)
  await startProgram([process.env['NGINX'] ?? '/usr/sbin/nginx', '-c', file, '-p', directory], { signal: 'TERM', isReady, onFinished })
  return `http://127.0.0.1:${port}`
}
