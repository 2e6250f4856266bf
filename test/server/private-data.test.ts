// What other accounts and other programs of the machine may see of a running server: no file, no secret.
import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { generateSecret } from '../../src/access/key.ts'
import { describeStart } from '../../src/cli/start-message.ts'
import { baseAcousticFiles, bringModel, makeArchive } from '../support/acoustic-models.ts'
import { modelsOf } from '../support/models.ts'
import { makeDataDir, program, start } from '../support/program.ts'
import { collect, type OnFinished } from '../support/service.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const isLinux = process.platform === 'linux'

const finishing: (() => unknown)[] = []
const onFinished: OnFinished = (finish) => void finishing.push(finish as () => unknown)
let dataDir = ''
let api: Awaited<ReturnType<typeof start>>
const secrets = { SESSION_SECRET: 'whisper-1', DATABASE_PASSWORD: 'whisper-2', AWS_SECRET_ACCESS_KEY: 'whisper-3', npm_config__authToken: 'whisper-4' }

beforeAll(async () => {
  dataDir = await makeDataDir(onFinished)
  // As an older version, or another umask, left it.
  await mkdir(join(dataDir, 'artifacts'), { recursive: true })
  await writeFile(join(dataDir, 'artifacts', 'ab'.repeat(32)), 'words of a customer')
  for (const path of ['artifacts', '.']) await chmod(join(dataDir, path), 0o755)
  await chmod(join(dataDir, 'artifacts', 'ab'.repeat(32)), 0o644)
  const before = process.umask(0o022)
  api = await start({ DATA_DIR: dataDir, ...secrets }, onFinished)
  process.umask(before)
})
afterAll(async () => {
  for (const finish of finishing.reverse()) await finish()
})

test("every file of DATA_DIR is private to the server's account, including existing files", async () => {
  const upload = await fetch(`${api.url}/uploads?kind=text`, { method: 'PUT', body: 'new words\n', headers: { authorization: `Bearer ${api.key}` } })
  expect(upload.status).toBe(201)
  const names = await readdir(dataDir, { recursive: true })
  expect(names).toEqual(expect.arrayContaining(['bootstrap-key', 'address', 'postgres/password', 'postgres/owner', 'postgres/data/PG_VERSION']))
  expect(names.filter((name) => name.startsWith('artifacts/')).length).toBeGreaterThan(1)
  for (const name of names) {
    const found = await stat(join(dataDir, name)).catch(() => undefined)
    if (found) expect((found.mode & 0o077).toString(8), name).toBe('0')
  }
  // Postgres runs under an account of its own when the server is root: that account passes through, and no other.
  expect(((await stat(dataDir)).mode & 0o777).toString(8)).toBe(process.getuid?.() === 0 ? '710' : '700')
})

test.runIf(process.getuid?.() === 0)('another account cannot list or read DATA_DIR, while Postgres can', async () => {
  const asStranger = (command: string) => run('setpriv', ['--reuid=65500', '--regid=65500', '--clear-groups', 'sh', '-c', command])
  for (const command of [`ls ${dataDir}`, `cat ${dataDir}/artifacts/${'ab'.repeat(32)}`, `cat ${dataDir}/bootstrap-key`])
    await expect(asStranger(command)).rejects.toMatchObject({ stderr: expect.stringContaining('denied') })
  expect((await api.ask('{ __typename }')).data).toEqual({ __typename: 'Query' })
})

/** The environments of all processes below one, by the program that each runs, as long as they can be read. */
function environmentsBelow(pid: number, found = new Map<string, string>()): Map<string, string> {
  const read = (child: string, what: string) => {
    try {
      return readFileSync(`/proc/${child}/${what}`, 'utf8')
    } catch {
      return ''
    }
  }
  for (const child of readdirSync(`/proc/${pid}/task`).flatMap((task) => read(String(pid), `task/${task}/children`).split(' ').filter(Boolean))) {
    const [command = '', ...args] = read(child, 'cmdline').split('\0')
    const name = basename(args.find((argument) => argument.endsWith('.ts')) ?? command)
    const environment = read(child, 'environ')
    if (environment) found.set(name, `${found.get(name) ?? ''}${environment}`)
    try {
      environmentsBelow(Number(child), found)
    } catch {}
  }
  return found
}

test.runIf(isLinux)('no child process has a secret in its environment', { timeout: 180_000 }, async () => {
  const pid = api.child.pid ?? 0
  const found = new Map<string, string>()
  const watching = setInterval(() => environmentsBelow(pid, found), 20)
  onTestFinished(() => clearInterval(watching))
  const models = modelsOf({ ...api, localUrl: api.url })
  const { httpUrl } = await api.deployEndpoint()
  expect((await api.post(httpUrl, await readFile(join(import.meta.dirname, '../recordings/en-US.mp3')), { 'content-type': 'audio/mpeg' })).status).toBe(200)
  const { model: words } = await models.createLanguageModel({ text: Array.from({ length: 200 }, (_, n) => `the word number ${n}`).join('\n') })
  const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
  await bringModel(models, await makeArchive({ 'encoder_model.onnx': encoder, 'decoder_model_merged.onnx': decoder }))
  await collect(models.watch(words.id))
  await until(() =>
    ['worker.process.ts', 'detector.process.ts', 'trainer.process.ts', 'examiner.process.ts', 'decoder.process.ts', 'postgres'].every((name) =>
      found.has(name),
    ),
  )
  for (const [name, environment] of found) {
    expect(environment, name).not.toMatch(/whisper|cs_|SECRET|PASSWORD|DATABASE_URL|BOOTSTRAP_KEY/)
    expect(environment.length, name).toBeGreaterThan(0)
  }
})

describe('the bootstrap key', () => {
  test('is not printed outside of a terminal, where the output names its file', () => {
    expect(api.key).toMatch(/^cs_/)
    expect(api.said.out + api.said.err).not.toContain(api.key)
    expect(api.said.out).toContain(`Sign in with the bootstrap key, which is in the file ${join(dataDir, 'bootstrap-key')}.`)
  })

  const settings = { roles: new Set(['api'] as const), dataDir: '/data' }
  const key = generateSecret()
  const say = (keyOrigin: 'MADE' | 'KEPT' | 'CONFIGURED', isTerminal: boolean) =>
    describeStart({ url: 'http://localhost:4000', key, keyOrigin, keyMissing: undefined }, settings, { seconds: 1, isTerminal })

  test.each(['MADE', 'KEPT', 'CONFIGURED'] as const)('that is %s is printed on a terminal only, by the start that made it', (origin) => {
    expect(say(origin, true).includes(key)).toBe(origin === 'MADE')
    expect(say(origin, false)).not.toContain(key)
    if (origin === 'MADE') expect(say(origin, true)).toContain(`http://localhost:4000/#key=${key}\n`)
    if (origin === 'CONFIGURED') expect(say(origin, true)).toContain('configured as BOOTSTRAP_KEY')
  })

  test.runIf(existsSync('/usr/bin/script'))(
    'is in the link of the first start in a terminal, and not in that of the second',
    { timeout: 120_000 },
    async () => {
      const dir = await makeDataDir()
      const outputs: string[] = []
      for (let n = 0; n < 2; n++) {
        const child = spawn('/usr/bin/script', ['-qec', `'${process.execPath}' '${program}' serve`, '/dev/null'], {
          env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: dir, ROLES: 'api', RECOGNIZERS: '1' },
          stdio: ['pipe', 'pipe', 'inherit'],
        })
        onTestFinished(() => void child.kill('SIGKILL'))
        const ended = new Promise((done) => child.once('exit', done))
        let out = ''
        child.stdout.on('data', (chunk) => (out += chunk))
        await until(() => /Ctrl-C stops/.test(out))
        outputs.push(out)
        // Ctrl-C, as the terminal takes it.
        child.stdin.write('\u0003')
        await ended
      }
      const made = (await readFile(join(dir, 'bootstrap-key'), 'utf8')).trim()
      expect(outputs[0]).toContain(`/#key=${made}`)
      expect(outputs[1]).not.toContain(made)
      expect(outputs[1]).toContain('which is in the file')
    },
  )
})
