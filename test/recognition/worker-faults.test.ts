import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { baseModel, childrenRunning, openClient, openTestRecognizers, requestFor, silence, untilBusy } from '../support/recognizers.ts'
import { librivoxRecordings } from '../support/service.ts'
import { until } from '../support/until.ts'

const execute = promisify(execFile)
const novel = librivoxRecordings().map(({ wav, text }) => ({ pcm: Buffer.concat([wav.subarray(44), silence(1)]), text }))
const model = await baseModel()

/** Sends every sentence of the novel at once, each on a separate stream. */
async function sayAll(recognizers: ReturnType<typeof openTestRecognizers>) {
  const clients = await Promise.all(novel.map(() => openClient(recognizers, requestFor(model, { interims: false }))))
  await Promise.all(
    clients.map(async (client, n) => {
      await client.send(novel[n]?.pcm ?? silence(1))
      client.stream.finish()
    }),
  )
  return clients
}

async function expectAllRight(clients: Awaited<ReturnType<typeof sayAll>>) {
  for (const [n, client] of clients.entries()) {
    await client.untilTold('ENDED')
    const heard = client
      .phrases()
      .map(({ lexical }) => lexical)
      .join(' ')
    expect(countWordErrors(novel[n]?.text ?? '', heard).errors).toBeLessThanOrEqual(2)
  }
}

describe('a worker', () => {
  test('a worker that crashes within a phrase loses no word', async () => {
    const recognizers = openTestRecognizers()
    await recognizers.load(model)
    const saying = sayAll(recognizers)
    await untilBusy(recognizers)
    const [victim] = childrenRunning('worker.process.ts')
    process.kill(victim as number, 'SIGSEGV')
    await expectAllRight(await saying)
    expect(recognizers.usage().workers.ended).toBe(1)
  })

  test('a worker that hangs is ended, and another recognizes its phrase', async () => {
    const recognizers = openTestRecognizers({}, { baseMs: 4000, perSecondMs: 1000, detectorMs: 60_000 })
    await recognizers.load(model)
    // A worker that loads a model in advance has a longer timeout.
    await until(() => recognizers.usage().models[0]?.workers === 2)
    const saying = sayAll(recognizers)
    await untilBusy(recognizers)
    const [victim] = childrenRunning('worker.process.ts')
    process.kill(victim as number, 'SIGSTOP')
    await expectAllRight(await saying)
    expect(recognizers.usage().workers.ended).toBeGreaterThanOrEqual(1)
  })
})

test('a process that cannot start for lack of file descriptors is reported as ended', async () => {
  const program = `
    const { openSync } = await import('node:fs')
    const { startChild } = await import('./src/sandbox/child.ts')
    try { for (;;) openSync('/dev/null') } catch {}
    const child = startChild('src/recognition/detector.process.ts', { message() {}, ended: (reason) => console.log('ended:', reason) }, 2_000)
    child.send({})
    child.kill()
    await child.gone
    console.log('gone')`
  const { stdout } = await execute('sh', ['-c', 'ulimit -n 60; exec "$0" --input-type=module -e "$1"', process.execPath, program])
  expect(stdout).toMatch(/^ended: .*EMFILE\ngone\n$/)
})

test('work waits until a process can be started', async () => {
  const program = `
    const { openSync, closeSync } = await import('node:fs')
    const { openPool } = await import('./src/recognition/scheduler.ts')
    const files = []
    try { for (;;) files.push(openSync('/dev/null')) } catch {}
    const pool = openPool({ workers: 1, memoryMb: 500 }, { warn() {}, info() {} })
    const task = { modelId: '', deploymentId: '', priority: 'FINAL', task: { kind: 'PING' }, timeoutMs: 60_000 }
    const answer = new Promise((settled) => pool.submit(task, settled))
    setTimeout(() => files.forEach(closeSync), 1_000)
    console.log(await answer instanceof Error ? 'failed' : 'done', pool.usage().workers.ended)
    await pool.close()
    process.exit()`
  const { stdout } = await execute('sh', ['-c', 'ulimit -n 60; exec "$0" --input-type=module -e "$1"', process.execPath, program])
  const [, outcome, ended] = /^(\w+) (\d+)\n$/.exec(stdout) ?? []
  expect(outcome).toBe('done')
  expect(Number(ended)).toBeGreaterThanOrEqual(1)
  expect(Number(ended)).toBeLessThan(10)
})
