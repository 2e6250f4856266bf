import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { RecognizerCrashedError, RecognizersBusyError } from '../../src/recognition/recognizer-errors.ts'
import { baseModel, childrenRunning, openClient, openTestRecognizers, requestFor, silence } from '../support/recognizers.ts'
import { librivoxRecordings, referenceRecording } from '../support/service.ts'
import { until } from '../support/until.ts'

const execute = promisify(execFile)
const reference = Buffer.concat([referenceRecording().subarray(44), silence(1)])
const novel = librivoxRecordings().map(({ wav, text }) => ({ pcm: Buffer.concat([wav.subarray(44), silence(1)]), text }))
const model = await baseModel()

/** Says every sentence of the novel at once, each on a stream of its own; the workers decode nothing but these. */
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

async function untilBusy(recognizers: ReturnType<typeof openTestRecognizers>) {
  while (recognizers.usage().workers.busy === 0) await new Promise(setImmediate)
}

describe('a worker', () => {
  test('that crashes in the middle of a phrase costs nobody a word', async () => {
    const recognizers = openTestRecognizers()
    await recognizers.load(model)
    const saying = sayAll(recognizers)
    await untilBusy(recognizers)
    const [victim] = childrenRunning('worker.process.ts')
    process.kill(victim as number, 'SIGSEGV')
    await expectAllRight(await saying)
    expect(recognizers.usage().workers.ended).toBe(1)
  })

  test('that hangs is ended, and its phrase recognized by another', async () => {
    const recognizers = openTestRecognizers({}, { baseMs: 4000, perSecondMs: 1000, detectorMs: 60_000 })
    await recognizers.load(model)
    // One that hangs while it loads on nobody's behalf is given longer.
    await until(() => recognizers.usage().models[0]?.workers === 2)
    const saying = sayAll(recognizers)
    await untilBusy(recognizers)
    const [victim] = childrenRunning('worker.process.ts')
    process.kill(victim as number, 'SIGSTOP')
    await expectAllRight(await saying)
    expect(recognizers.usage().workers.ended).toBeGreaterThanOrEqual(1)
  })

  test('holds what its budget allows: the model that was used last', async () => {
    const recognizers = openTestRecognizers({ workers: 1, memoryMb: 400 })
    const other = await baseModel('CONVERSATIONAL')
    await recognizers.load(model)
    await recognizers.load(other)
    expect(recognizers.usage().models).toEqual([{ id: other.id, workers: 1 }])
    const client = await openClient(recognizers, requestFor(model))
    await client.send(reference)
    client.stream.finish()
    await client.untilTold('ENDED')
    expect(client.phrases()).toHaveLength(1)
    expect(recognizers.usage().models).toEqual([{ id: model.id, workers: 1 }])
  })
})

test('a process that cannot be started, for want of file descriptors, is told as one that ended', async () => {
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

test('work that no process could be started for is done when one can', async () => {
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

test('a model larger than the whole budget is held all the same, alone', async () => {
  const recognizers = openTestRecognizers({ workers: 1, memoryMb: 100 })
  await recognizers.load(model)
  const client = await openClient(recognizers, requestFor(model))
  await client.send(reference)
  client.stream.finish()
  await client.untilTold('ENDED')
  expect(client.phrases()).toHaveLength(1)
  const other = await baseModel('CONVERSATIONAL')
  await recognizers.load(other)
  expect(recognizers.usage()).toMatchObject({ models: [{ id: other.id, workers: 1 }], workers: { ended: 0 } })
})

describe('the detector', () => {
  test('that crashes fails the streams it heard, in words, and the next stream finds a new one', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    await recognizers.load(model)
    const client = await openClient(recognizers, requestFor(model))
    await client.speak(reference.subarray(0, 32_000), 4)
    process.kill(childrenRunning('detector.process.ts')[0] as number, 'SIGSEGV')
    expect(await client.untilFailed()).toBeInstanceOf(RecognizerCrashedError)
    const next = await openClient(recognizers, requestFor(model))
    await next.send(reference)
    next.stream.finish()
    await next.untilTold('ENDED')
    expect(next.phrases()).toHaveLength(1)
    expect(recognizers.usage().streams).toBe(0)
  })

  test('is replaced by exactly one, also when its streams ask for another at once, and none is left in the end', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const [first] = childrenRunning('detector.process.ts')
    const opened: Promise<unknown>[] = []
    const listener = { event() {}, drained() {}, failed: () => void opened.push(recognizers.open(requestFor(model), { ...listener, failed() {} })) }
    for (let n = 0; n < 3; n++) await recognizers.open(requestFor(model), listener)
    // One that ends sooner is not replaced before somebody asks.
    await delay(5100)
    process.kill(first as number, 'SIGSEGV')
    await until(() => opened.length === 3)
    await Promise.all(opened)
    const next = childrenRunning('detector.process.ts').filter((pid) => pid !== first)
    expect(next).toHaveLength(1)
    // That one ends young, with nobody who asks.
    process.kill(next[0] as number, 'SIGSEGV')
    await until(() => recognizers.usage().streams === 0)
    expect(childrenRunning('detector.process.ts')).toEqual([])
    await openClient(recognizers, requestFor(model))
    expect(childrenRunning('detector.process.ts')).toHaveLength(1)
    await recognizers.close()
    expect(childrenRunning('detector.process.ts')).toEqual([])
  })

  test('that hangs is ended, also when nothing more is owed than the end', async () => {
    const recognizers = openTestRecognizers({ workers: 1 }, { baseMs: 10_000, perSecondMs: 3000, detectorMs: 1000 })
    const client = await openClient(recognizers, requestFor(model))
    process.kill(childrenRunning('detector.process.ts')[0] as number, 'SIGSTOP')
    client.stream.finish()
    expect(await client.untilFailed()).toBeInstanceOf(RecognizerCrashedError)
  })

  test('that hangs is ended', async () => {
    const recognizers = openTestRecognizers({ workers: 1 }, { baseMs: 10_000, perSecondMs: 3000, detectorMs: 1000 })
    await recognizers.load(model)
    const client = await openClient(recognizers, requestFor(model))
    process.kill(childrenRunning('detector.process.ts')[0] as number, 'SIGSTOP')
    client.stream.write(reference)
    expect(await client.untilFailed()).toBeInstanceOf(RecognizerCrashedError)
  })
})

describe('room', () => {
  test('is given until it is taken, and again when it is left', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const clients: Awaited<ReturnType<typeof openClient>>[] = []
    let refusal: unknown
    while (!refusal && clients.length < 1000) {
      await openClient(recognizers, requestFor(model)).then(
        (client) => clients.push(client),
        (error) => {
          refusal = error
        },
      )
    }
    expect(refusal).toBeInstanceOf(RecognizersBusyError)
    expect(recognizers.usage().streams).toBe(clients.length)
    expect(clients.length).toBeLessThanOrEqual(50)
    clients[0]?.stream.close()
    await openClient(recognizers, requestFor(model))
  })

  test('is shared: a deployment that has its part does not get what another has asked for', async () => {
    const recognizers = openTestRecognizers({ workers: 2 })
    const open = (deploymentId: string) => openClient(recognizers, requestFor(model, { deploymentId }))
    const greedy: Awaited<ReturnType<typeof open>>[] = []
    const take = async () => {
      for (let n = 0; n < 1000; n++) greedy.push(await open('greedy'))
    }
    await expect(take()).rejects.toThrow(RecognizersBusyError)
    // Whoever has none gets one, though all is taken; but not a second.
    await open('modest')
    await expect(open('modest')).rejects.toThrow(RecognizersBusyError)
    for (let n = 0; n < 2; n++) greedy.pop()?.stream.close()
    await expect(open('greedy')).rejects.toThrow(RecognizersBusyError)
    await open('modest')
  })
})

describe('a stream', () => {
  test('that is closed tells nothing more, and frees its place', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    await recognizers.load(model)
    const client = await openClient(recognizers, requestFor(model))
    await client.send(reference)
    await untilBusy(recognizers)
    client.stream.close()
    const told = client.told.length
    const next = await openClient(recognizers, requestFor(model))
    await next.send(reference)
    next.stream.finish()
    await next.untilTold('ENDED')
    expect(client.told).toHaveLength(told)
    expect(recognizers.usage()).toMatchObject({ streams: 0, waiting: 0, load: 0 })
  })

  test('asks for a pause when more comes than is decoded, and for more when it is', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const client = await openClient(recognizers, requestFor(model, { interims: false }))
    let taken = 0
    while (client.stream.write(reference)) taken++
    expect(taken * reference.length).toBeLessThanOrEqual(5 * 32_000)
    await client.until(() => client.drained() === 1)
    client.stream.finish()
    await client.untilTold('ENDED')
    expect(client.phrases()).toHaveLength(taken + 1)
  })

  test('that never pauses fails, in words, before it takes much memory', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const client = await openClient(recognizers, requestFor(model))
    for (let n = 0; n < 100 && !client.failure(); n++) client.stream.write(Buffer.alloc(320_000))
    expect(client.failure()).toBeInstanceOf(RecognizersBusyError)
  })

  test('fails when the recognizers close', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const client = await openClient(recognizers, requestFor(model))
    await recognizers.close()
    expect(client.failure()).toBeInstanceOf(RecognizerCrashedError)
    await expect(openClient(recognizers, requestFor(model))).rejects.toThrow(RecognizerCrashedError)
    expect([...childrenRunning('worker.process.ts'), ...childrenRunning('detector.process.ts')]).toEqual([])
  })
})
