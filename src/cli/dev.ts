// Development of custom-speech: the server, which restarts when its sources change, and the dashboard with hot reload.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createServer } from 'vite'
import { sourceDir } from '../http/dashboard-build.ts'

const server = spawn(process.execPath, ['--watch', join(import.meta.dirname, 'serve.ts')], { stdio: 'inherit' })
server.once('exit', (code) => process.exit(code ?? 1))
const pages = await createServer({ configFile: join(import.meta.dirname, '../http/vite.config.ts'), root: sourceDir })
await pages.listen()
console.log(`\nThe dashboard with hot reload: ${pages.resolvedUrls?.local[0]}. Sign in with the key of the server that starts below.\n`)
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => server.kill(name))
