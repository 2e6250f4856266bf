// Builds the dashboard if its sources have changed since the last build. `npm run build` and `npm start` run this file.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { builtDir, presentBuild, sourceDir } from './dashboard-build.ts'

const target = await presentBuild()
const exists = (await readdir(target).catch(() => [])).length > 0
if (!exists) {
  // A test sets NODE_ENV, but the build is for production.
  process.env['NODE_ENV'] = 'production'
  const { build } = await import('vite')
  // The build is renamed when it is complete, so processes that build at once cannot mix their files.
  const aside = join(builtDir, `.${process.pid}`)
  await build({ configFile: join(import.meta.dirname, 'vite.config.ts'), root: sourceDir, logLevel: 'warn', build: { outDir: aside, emptyOutDir: true } })
  await compress(aside)
  await mkdir(builtDir, { recursive: true })
  await rename(aside, target).catch(() => rm(aside, { recursive: true, force: true }))
  for (const name of await readdir(builtDir)) {
    const dir = join(builtDir, name)
    if (dir !== target && !name.startsWith('.')) await rm(dir, { recursive: true, force: true })
  }
}

/** Writes a .br and a .gz beside each text file of at least 1 kB. */
async function compress(dir: string) {
  const files = await readdir(dir, { recursive: true, withFileTypes: true })
  for (const entry of files.filter(({ name }) => /\.(js|css|svg)$/.test(name))) {
    const file = join(entry.parentPath, entry.name)
    const body = await readFile(file)
    if (body.length < 1024) continue
    await writeFile(`${file}.br`, brotliCompressSync(body))
    await writeFile(`${file}.gz`, gzipSync(body, { level: 9 }))
  }
}
