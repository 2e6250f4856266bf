// The commands of custom-speech: help, arguments that do not exist, what a stop leaves behind, and the demo.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { toReadableLine } from '../../src/log-lines.ts'
import { launch, makeDataDir, program, start } from '../support/program.ts'
import { until } from '../support/until.ts'

/** Runs a command that ends by itself. */
const run = (...args: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((ended) =>
    execFile(process.execPath, [program, ...args], { env: { PATH: process.env.PATH } }, (error, out, err) =>
      ended({ code: Number(error?.code ?? 0), out, err }),
    ),
  )

describe('help', () => {
  test.each([['--help'], ['-h'], ['help']])('%s lists every command with a description', async (...args) => {
    const { code, out, err } = await run(...args)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    for (const command of ['serve', 'demo', 'dev', 'help']) expect(out).toMatch(new RegExp(`^  ${command} +[A-Z].*\\.$`, 'm'))
  })

  test.each([
    ['serve', '--help'],
    ['--help', 'serve'],
    ['help', 'serve'],
  ])('%s %s describes one command and starts nothing', async (...args) => {
    const { code, out } = await run(...args)
    expect(code).toBe(0)
    expect(out).toContain('Usage: custom-speech serve, or npm start')
  })

  test.each([['--version'], ['-v'], ['serve', '--version']])('%s prints the version', async (...args) => {
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'))
    expect(await run(...args)).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })
})

describe('an unknown command or option is refused:', () => {
  test.each([
    [['nonsense'], 'Unknown command "nonsense".'],
    [['help', 'nonsense'], 'Unknown command "nonsense".'],
    [['constructor'], 'Unknown command "constructor".'],
    [['serve', '--port', '5000'], 'Unknown argument "--port". Settings come from the environment: PORT=… npm start'],
    [['--data-dir=/tmp'], 'Unknown argument "--data-dir=/tmp". Settings come from the environment: DATA_DIR=… npm start'],
    [['demo', 'twice'], 'Unknown argument "twice". "demo" takes no arguments.'],
    [['backup', '--force'], '"backup" needs the name of a file: custom-speech backup FILE'],
    [['restore', 'one', 'two'], 'Unknown argument "two". "restore" takes one argument.'],
    [['serve', '-x'], 'Unknown argument "-x". "serve" takes no arguments.'],
  ])('%j', async (args, message) => {
    const { code, out, err } = await run(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toBe(`${message}\n"custom-speech help" lists the commands.\n`)
  })
})

test('the start time counts from the start of the process, also after an exec from a shell', async () => {
  const dataDir = await makeDataDir()
  // The shell waits before it is replaced: that belongs to the same process.
  const child = spawn('sh', ['-c', 'sleep 1; exec "$0" "$@"', process.execPath, program, 'serve'], {
    env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: dataDir, ROLES: 'api' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const began = performance.now()
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  await until(() => out.includes('is ready'))
  const seconds = Number(/ready \(([\d.]+) s\)/.exec(out)?.[1])
  if (process.platform === 'linux') expect(seconds).toBeGreaterThan(1)
  // The clock of /proc has hundredths, and the output has tenths.
  expect(seconds).toBeLessThan((performance.now() - began) / 1000 + 0.2)
})

test('a signal to the whole process group stops the server without a warning and with exit code 0', async () => {
  const dataDir = await makeDataDir()
  const child = spawn(process.execPath, [program, 'serve'], {
    env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: dataDir, RECOGNIZERS: '1', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += chunk))
  child.stderr.on('data', (chunk) => (said.err += chunk))
  const ended = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGKILL'))
  await until(() => said.out.includes('Ctrl-C stops'))
  expect(await stat(join(dataDir, 'address')).then(({ size }) => size > 0)).toBe(true)
  process.kill(-(child.pid ?? 0), 'SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(said.err).toBe('')
  await expect(stat(join(dataDir, 'address'))).rejects.toThrow()
})

test('the demo finds the server of its data directory on another port, and lists the resources that it leaves', { timeout: 180_000 }, async () => {
  const dataDir = await makeDataDir()
  const { ask } = await start({ DATA_DIR: dataDir })
  const { code, out, err } = await launch({ DATA_DIR: dataDir }, 'demo').ended
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/Using the server at http:\/\/127\.0\.0\.1:\d+/)
  const [, models = ''] = /Base models for en-US\n((?: {2}.*\n)+)/.exec(out) ?? []
  expect(
    models
      .trim()
      .split('\n')
      .map((line) => line.trim())
      .sort(),
  ).toEqual(['acoustic  Conversational', 'acoustic  Search and Dictation', 'language  Conversational', 'language  Search and Dictation'])
  expect(out).toContain('The deployment “Demo” stays.')
  const { data } = await ask('{ deployments { nodes { name status } } }')
  expect(data?.deployments.nodes).toEqual([{ name: 'Demo', status: 'COMPLETE' }])
})

describe('a log line on a terminal:', () => {
  const plain = (json: object) => stripVTControlCharacters(toReadableLine(`${JSON.stringify(json)}\n`))

  test('time, level, message, then the fields', () => {
    expect(plain({ level: 40, time: '2026-11-27T05:41:02.123Z', worker: 7, reason: 'it broke', file: 'encoder', msg: 'a recognizer ended' })).toBe(
      '05:41:02 WARN  a recognizer ended worker=7 reason="it broke" file=encoder\n',
    )
  })

  test('the stack of an error has separate lines', () => {
    expect(plain({ level: 50, time: '2026-11-27T05:41:02.123Z', id: 'a1', error: 'Error: no\n    at here', msg: 'failed' })).toBe(
      '05:41:02 ERROR failed id=a1 \nError: no\n    at here\n',
    )
  })

  test('control characters of a value do not reach the terminal', () => {
    expect(plain({ level: 40, time: '2026-11-27T05:41:02.123Z', name: '\u001b]0;gone\u0007', msg: 'named \u001b[2J' })).toBe(
      '05:41:02 WARN  named \\u001b[2J name="\\u001b]0;gone\\u0007"\n',
    )
  })

  test('a line that is not JSON stays unchanged', () => {
    expect(toReadableLine('no JSON\n')).toBe('no JSON\n')
  })
})
