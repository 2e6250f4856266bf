// Debian's nginx, configured as a user would, before a service.
import { execFile, spawn } from 'node:child_process'
import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { makeDirectory } from './postgres.ts'
import { findFreePort } from './program.ts'
import { until } from './until.ts'

const nginx = process.env['NGINX'] ?? '/usr/sbin/nginx'

/** Answers the address under which nginx serves; `location` is what stands inside of `location / { … }`. */
export async function startNginx(location: string): Promise<string> {
  await access(nginx).catch(() => {
    throw new Error(`There is no nginx at ${nginx}. Install one ("apt-get install nginx-light" on Debian), or set NGINX to where it is.`)
  })
  const directory = await makeDirectory()
  const port = await findFreePort()
  const file = join(directory, 'nginx.conf')
  await writeFile(
    file,
    `daemon off; pid ${directory}/pid; error_log stderr; worker_processes 1;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory}; uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 127.0.0.1:${port};
    location / { ${location} }
  }
}
`,
  )
  const child = spawn(nginx, ['-c', file, '-p', directory], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => (said += chunk))
  const ended = new Promise((exited) => child.once('exit', exited))
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await ended
    await new Promise((removed) => execFile('rm', ['-rf', directory], removed))
  })
  const url = `http://127.0.0.1:${port}`
  await until(async () => child.exitCode !== null || (await fetch(`${url}/health`).catch(() => undefined))?.ok)
  expect(child.exitCode, said).toBeNull()
  return url
}
