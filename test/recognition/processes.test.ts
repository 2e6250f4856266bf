// The command of a user: the embedded Postgres, signals, crashes and errors at the start.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from '../support/postgres.ts'
import { childrenOf, launch, makeDataDir, processesOf, program, start } from '../support/program.ts'
import { collect } from '../support/service.ts'
import { until } from '../support/until.ts'

describe('stopping', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s closes all processes and exits with 0', async (signal) => {
    const dataDir = await makeDataDir()
    const { child, ended } = await start({ DATA_DIR: dataDir })
    child.kill(signal)
    expect(await ended).toMatchObject({ code: 0 })
    expect(await processesOf(dataDir)).toEqual([])
  })

  test('a second signal ends the server at once and leaves no Postgres', async () => {
    const dataDir = await makeDataDir()
    const { child, ended, create } = await start({ DATA_DIR: dataDir })
    await create()
    child.kill('SIGTERM')
    child.kill('SIGINT')
    await ended
    await until(async () => (await processesOf(dataDir)).length === 0, 5000)
  })

  test('kill -9 leaves no Postgres and no recognizer, and the next start has all data', async () => {
    const dataDir = await makeDataDir()
    const first = await start({ DATA_DIR: dataDir })
    const { deployment } = await first.create()
    const complete = (await collect(first.watch(deployment.id))).at(-1)
    expect(complete?.status).toBe('COMPLETE')
    const children = await childrenOf(first.child)
    expect(children.length).toBeGreaterThan(0)
    first.child.kill('SIGKILL')
    await first.ended
    await until(async () => (await processesOf(dataDir)).length === 0, 5000)
    const all = await processesOf('')
    expect(children.filter((pid) => all.some((line) => line.trim().startsWith(`${pid} `)))).toEqual([])

    const second = await start({ DATA_DIR: dataDir })
    expect(second.key).toBe(first.key)
    expect((await collect(second.watch(deployment.id))).at(-1)).toMatchObject({ status: 'COMPLETE', sequence: complete?.sequence })
  })
})

test('PG… variables, set or empty, do not affect the embedded Postgres and the connection to it', async () => {
  const foreign = { PGHOST: 'elsewhere.invalid', PGPORT: '9', PGUSER: 'nobody', PGPASSWORD: 'x', PGDATABASE: 'none', PGDATA: '/nowhere', PGSSLMODE: 'require' }
  const more = { PGOPTIONS: '-c default_transaction_read_only=on', PGSSLNEGOTIATION: 'direct', PGAPPNAME: 'x', PGTZ: 'Nowhere', PGREPLICATION: 'true' }
  for (const variables of [{ ...foreign, ...more }, Object.fromEntries(Object.keys({ ...foreign, ...more }).map((name) => [name, '']))]) {
    const dataDir = await makeDataDir()
    const api = await start({ DATA_DIR: dataDir, ROLES: 'api', ...variables })
    expect((await api.ask('mutation { createKey(input: { name: "x", scopes: [READ] }) { __typename } }')).data?.createKey.__typename).toBe('CreateKeySuccess')
  }
})

describe('a start that fails', () => {
  async function refused(settings: Record<string, string>) {
    const { ended } = launch(settings)
    const { code, err } = await ended
    expect(code).toBe(1)
    expect(err).not.toMatch(/\n\s+at /)
    return err
  }

  test('a start on a port in use fails and leaves no data directory', async () => {
    const dataDir = await makeDataDir()
    const taken = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    expect(await refused({ PORT: String(port), DATA_DIR: dataDir })).toContain(`Another program uses port ${port}.`)
    await expect(stat(dataDir)).rejects.toThrow()
  })

  test('a data directory that cannot be created fails the start', async () => {
    const parent = await makeDirectory()
    await writeFile(join(parent, 'file'), '')
    expect(await refused({ PORT: '0', DATA_DIR: join(parent, 'file', 'data') })).toMatch(/DATA_DIR/)
  })

  test.runIf(process.getuid?.() === 0)('a start by root in a directory that other users cannot enter fails', async () => {
    const parent = await makeDirectory()
    await chmod(parent, 0o700)
    expect(await refused({ PORT: '0', DATA_DIR: join(parent, 'data') })).toContain(parent)
  })

  test('a database that cannot be reached fails the start', async () => {
    expect(await refused({ PORT: '0', DATA_DIR: await makeDataDir(), DATABASE_URL: 'postgres://someone:secret-word@127.0.0.1:9/none' })).toMatch(
      /Cannot reach the database.*DATABASE_URL/,
    )
  })

  test('the error names all invalid settings at once', async () => {
    const err = await refused({ PORT: 'eighty', ROLES: 'api,cook', PUBLIC_URL: 'speech.example', LOG_LEVEL: 'loud', BOOTSTRAP_KEY: 'short' })
    for (const name of ['PORT', 'ROLES', 'PUBLIC_URL', 'LOG_LEVEL', 'BOOTSTRAP_KEY']) expect(err).toContain(`${name}:`)
  })

  test.each(['jobs', 'api,jobs'])('ROLES=%s without INTERNAL_URL and PUBLIC_URL fails the start', async (ROLES) => {
    expect(await refused({ PORT: '0', DATA_DIR: await makeDataDir(), ROLES })).toMatch(/INTERNAL_URL: must be set if ROLES has jobs without speech/)
  })

  test('an invalid catalog fails the start', async () => {
    const dir = await makeDirectory()
    await writeFile(join(dir, 'catalog.json'), '{"locales":{},"models":[{"id":"x"}]}')
    expect(await refused({ PORT: '0', DATA_DIR: await makeDataDir(), CATALOG: join(dir, 'catalog.json') })).toContain('models.0.id')
  })

  test('a second start in the same data directory fails, and the first server continues', async () => {
    const dataDir = await makeDataDir()
    const first = await start({ DATA_DIR: dataDir })
    expect(await refused({ PORT: '0', DATA_DIR: dataDir })).toContain('Another custom-speech')
    expect((await first.ask('{ locales { code } }')).data?.locales).toContainEqual({ code: 'en-US' })
  })

  test('a start with an old Node fails', async () => {
    const text = await readFile(program, 'utf8')
    const dir = await makeDirectory()
    await mkdir(dir, { recursive: true })
    await writeFile(join(dir, 'old.mjs'), text.replace('process.versions.node.split', "'20.20.2'.split"))
    const { ended } = launchFile(join(dir, 'old.mjs'))
    const { code, err } = await ended
    expect(code).toBe(1)
    expect(err).toContain('needs Node 24')
  })
})

function launchFile(file: string) {
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] })
  let err = ''
  child.stderr.on('data', (chunk) => (err += chunk))
  return { ended: once(child, 'exit').then(([code]) => ({ code, err })) }
}

// Runs beside the demo because the heartbeat of the killed process must expire first.
test.concurrent('a deployment is COMPLETE after kill -9 during provisioning and a restart', { timeout: 120_000 }, async ({ onTestFinished }) => {
  const dataDir = await makeDataDir(onTestFinished)
  const first = await start({ DATA_DIR: dataDir }, onTestFinished)
  const { deployment } = await first.create()
  for await (const change of first.watch(deployment.id)) if (change.stage === 'LOADING') break
  first.child.kill('SIGKILL')
  await first.ended
  const second = await start({ DATA_DIR: dataDir }, onTestFinished)
  const changes = await collect(second.watch(deployment.id))
  expect(changes.at(-1)?.status).toBe('COMPLETE')
  expect(changes.map((change) => change.sequence)).toEqual(changes.map((_, index) => (changes[0]?.sequence ?? 0) + index))
})

test.concurrent('the demo creates, watches and calls a deployment', { timeout: 120_000 }, async ({ onTestFinished }) => {
  const { ended } = launch({ PORT: '0', DATA_DIR: await makeDataDir(onTestFinished) }, 'demo', onTestFinished)
  const { code, out, err } = await ended
  expect(code, err).toBe(0)
  expect(out).toContain('IncompatibleModelsError')
  expect(out).toContain('Complete: the endpoint answered')
  expect(Number(/Word error rate ([\d.]+) %/.exec(out)?.[1])).toBeLessThan(5)
})
