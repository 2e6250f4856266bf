// Builds the bundle of the server if its sources have changed since the last build. `npm run build` runs this file, and
// a server that had to start from its sources, for the next start.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { bundleDir, bundledCommands, bundlesDir, packagesDir, sourceDir } from './server-bundle.mjs'

/** Packages with native code or with files of their own, and a page that is loaded on request. */
const external = ['node-av', 'onnxruntime-node', 'soundswallower', 'llama-tokenizer-js', 'vite', '@graphql-yoga/render-graphiql']
/** A build that began earlier than this was interrupted. */
const maxBuildMs = 60_000

// A server hides its data from other accounts, but not its code.
process.umask(0o022)
const target = bundleDir()
// The build is renamed when it is complete, so processes that build at once cannot mix their files.
const aside = join(bundlesDir, `.${process.pid}`)
/** The source directory as Vite writes paths, with slashes on every system. */
let sourceUrl = sourceDir
// A build that a server has started ends with the server.
for (const event of ['disconnect', 'SIGINT', 'SIGTERM']) process.on(event, () => process.exit(1))
process.on('exit', () => rmSync(aside, { recursive: true, force: true }))
// Of several servers that start at once, one builds.
if (!existsSync(target) && hasLockedPackages() && !(process.connected && isBeingBuilt())) await build()
process.disconnect?.()

function isBeingBuilt() {
  return existsSync(bundlesDir) && readdirSync(bundlesDir).some((name) => name.startsWith('.') && isRecent(name))
}

/** True if the installed packages are those of the lock file, which the name of the bundle stands for. */
function hasLockedPackages() {
  const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {})
  const installed = read(join(packagesDir, '.package-lock.json'))
  const isOther = ([path, { version }]) => path !== '' && installed[path] && installed[path].version !== version
  return !Object.entries(read(join(packagesDir, '../package-lock.json'))).some(isOther)
}

function isRecent(name) {
  return Date.now() - (statSync(join(bundlesDir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0) < maxBuildMs
}

async function build() {
  const vite = await import('vite')
  sourceUrl = vite.normalizePath(sourceDir)
  mkdirSync(aside, { recursive: true })
  const input = Object.fromEntries(bundledCommands.map((name) => [name, join(sourceDir, 'cli', `${name}.ts`)]))
  await vite.build({
    configFile: false,
    root: sourceDir,
    logLevel: 'error',
    plugins: [
      { name: 'source-directories', enforce: 'pre', transform: keepSourceDirectory },
      { name: 'start-time', renderChunk: avoidUndici, generateBundle: dropPackageMaps },
    ],
    // As Node resolves packages. Otherwise `import` and `require` would find two copies of graphql.
    environments: { ssr: { resolve: { mainFields: ['main'] } } },
    resolve: { extensions: ['.js', '.json', '.mjs'] },
    ssr: { noExternal: true, external },
    build: {
      ssr: true,
      outDir: aside,
      emptyOutDir: false,
      target: 'esnext',
      minify: false,
      sourcemap: true,
      rolldownOptions: {
        input,
        output: {
          entryFileNames: '[name].js',
          chunkFileNames: '[name]-[hash].js',
          // Types of the schema have the names of classes.
          keepNames: true,
          sourcemapExcludeSources: true,
          codeSplitting: { groups: [{ name: 'packages', test: /node_modules/ }] },
        },
      },
    },
  })
  // Sources that changed during the build belong to another bundle.
  if (!existsSync(target) && bundleDir() === target) renameSync(aside, target)
  for (const name of readdirSync(bundlesDir)) {
    const isNeeded = name === basename(target) || (name.startsWith('.') && isRecent(name))
    if (!isNeeded) rmSync(join(bundlesDir, name), { recursive: true, force: true })
  }
}

/** Files beside a source, such as the programs of child processes, are not bundled. */
function keepSourceDirectory(code, id) {
  if (!id.startsWith(sourceUrl)) return
  const dir = relative(target, join(id, '..'))
  return { code: code.replaceAll('import.meta.dirname', `(import.meta.dirname + ${JSON.stringify(`/${dir}`)})`), map: null }
}

/** An `import` of node:http reads all of its exports, which loads undici for WebSocket. */
function avoidUndici(code) {
  const fromHttp = /^import (?:(\w+)(?:, )?)?(?:\{([^}]*)\} )?from "(?:node:)?http";$/gm
  const read = (_, name, names) =>
    [...(name ? [name] : []), ...(names ? [`{${names.replaceAll(' as ', ': ')}}`] : [])]
      .map((binding) => `const ${binding} = process.getBuiltinModule("node:http");`)
      .join(' ')
  return { code: code.replace(fromHttp, read), map: null }
}

/** Node reads all maps at the start. A stack trace through a package is readable without one. */
function dropPackageMaps(_, bundle) {
  for (const chunk of Object.values(bundle)) {
    if (!chunk.fileName.startsWith('packages')) continue
    if (chunk.fileName.endsWith('.map')) delete bundle[chunk.fileName]
    else chunk.code = chunk.code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')
  }
}
