// The bundle of the server: it answers like the sources, and its stack traces name them.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { makeDataDir, program, start } from '../support/program.ts'
import { collect } from '../support/service.ts'

const bundles = resolve(import.meta.dirname, '../../dist/server')
let bundle = ''

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(program, '../build-server.mjs')])
  const [name = '', ...others] = (await readdir(bundles)).filter((each) => !each.startsWith('.'))
  expect(others).toEqual([])
  bundle = join(bundles, name)
}, 120_000)

test('a server from the bundle provisions a deployment and answers with typed refusals', async () => {
  const api = await start({ DATA_DIR: await makeDataDir() })
  const { deployment } = await api.create()
  expect((await collect(api.watch(deployment.id))).at(-1)?.status).toBe('COMPLETE')
  const { data, errors } = await api.ask('mutation { deleteDeployment(id: "RGVwbG95bWVudDp4") { __typename ... on Error { code } } }')
  expect({ data, errors }).toMatchObject({ data: { deleteDeployment: { __typename: expect.stringMatching(/Error$/) } } })
  // Only a start from the bundle compiles it.
  expect(existsSync(join(bundle, 'cache'))).toBe(true)
})

test('a bundle contains one copy of graphql', async () => {
  const [file = ''] = (await readdir(bundle)).filter((name) => /^packages.*\.js$/.test(name))
  expect((await readFile(join(bundle, file), 'utf8')).match(/ from another module or realm/g)).toHaveLength(1)
})

test('the maps of a bundle lead to existing sources', async () => {
  const maps = (await readdir(bundle)).filter((name) => name.endsWith('.map'))
  const { sources } = JSON.parse(await readFile(join(bundle, maps.find((name) => name === 'serve.js.map') ?? ''), 'utf8')) as { sources: string[] }
  expect(sources.map((source) => resolve(bundle, source))).toContain(resolve(import.meta.dirname, '../../src/cli/serve.ts'))
  expect(sources.filter((source) => !existsSync(resolve(bundle, source)))).toEqual([])
})

test('a stack trace of the bundle names the lines of the sources', async () => {
  const fail = `const on = process.on; process.on = (name, ...rest) => { if (name === 'SIGINT') throw new Error('sample'); return on.call(process, name, ...rest) }`
  const load = `process.setSourceMapsEnabled(true); import(${JSON.stringify(pathToFileURL(join(bundle, 'serve.js')).href)})`
  const failure = await promisify(execFile)(process.execPath, ['-e', `${fail}; ${load}`], { env: { DATA_DIR: await makeDataDir(), PORT: '0' } }).catch(
    (error: { stderr: string }) => error,
  )
  const lines = (await readFile(resolve(import.meta.dirname, '../../src/cli/serve.ts'), 'utf8')).split('\n')
  const place = lines.findIndex((line) => line.includes('process.on(')) + 1
  expect(failure.stderr).toMatch(new RegExp(`src/cli/serve\\.ts:${place}\\b`))
})
