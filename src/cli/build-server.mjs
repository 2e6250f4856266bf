// Builds the bundle of the server if its sources have changed since the last build. `npm run build` runs this file, and
// a server that had to start from its sources, for the next start.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { bundleDir, bundledCommands, bundlesDir, sourceDir } from './server-bundle.mjs'

/** Packages with native code or with files of their own, and a page that is loaded on request. */
const external = ['node-av', 'onnxruntime-node', 'soundswallower', 'llama-tokenizer-js', 'vite', '@graphql-yoga/render-graphiql']
/** A build that began earlier than this was interrupted. */
const maxBuildMs = 5 * 60_000

// A build that a server has started ends with the server.
process.on('disconnect', () => process.exit(1))
const target = bundleDir()
// The build is renamed when it is complete. The directory also keeps other processes from building at once.
const aside = join(bundlesDir, `.${target.slice(bundlesDir.length + 1)}`)
if (!existsSync(target) && claim()) await build().catch(fail)
process.disconnect?.()

function claim() {
  mkdirSync(bundlesDir, { recursive: true })
  try {
    mkdirSync(aside)
  } catch {
    if (Date.now() - statSync(aside).mtimeMs < maxBuildMs) return false
  }
  return true
}

async function build() {
  const vite = await import('vite')
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
  renameSync(aside, target)
  for (const name of readdirSync(bundlesDir)) if (join(bundlesDir, name) !== target) rmSync(join(bundlesDir, name), { recursive: true, force: true })
}

function fail(error) {
  rmSync(aside, { recursive: true, force: true })
  throw error
}

/** Files beside a source, such as the programs of child processes, are not bundled. */
function keepSourceDirectory(code, id) {
  if (!id.startsWith(sourceDir)) return
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
