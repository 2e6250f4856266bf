import { readFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { figure } from '../faults/figure.ts'
import { baseAcousticFiles, bringModel, makeArchive } from '../support/acoustic-models.ts'
import { modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { childrenRunning } from '../support/recognizers.ts'
import { collect, librivoxRecordings, openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'
import { allocates, keepsElsewhere, loopsBetween } from './onnx-poison.ts'

let api: Service
let models: ReturnType<typeof modelsOf>
beforeAll(async () => {
  api = await openTestService({ RECOGNIZERS: '2', LOG_LEVEL: 'silent' })
  models = modelsOf(api)
})
afterAll(() => api?.close())

/** Makes a model of the base's files with another encoder. */
async function bring(change: (encoder: Buffer) => Buffer) {
  const { encoder = '', decoder = '' } = await baseAcousticFiles('SEARCH_AND_DICTATION')
  const dir = await makeDirectory()
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  await writeFile(join(dir, 'encoder'), change(await readFile(encoder)))
  return bringModel(models, await makeArchive({ 'encoder_model.onnx': join(dir, 'encoder'), 'decoder_model_merged.onnx': decoder }))
}

/** The peak memory of any child of this process during an action, in MB. */
async function peakOfChildren<T>(act: () => Promise<T>): Promise<{ peak: number; value: T }> {
  let peak = 0
  const watching = setInterval(() => {
    try {
      for (const pid of readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' '))
        peak = Math.max(peak, Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
    } catch {
      // The process has ended.
    }
  }, 20)
  const value = await act().finally(() => clearInterval(watching))
  return { peak, value }
}

/** The workers of unproven models, which have a lower processor priority. */
const apart = () =>
  childrenRunning('worker.process.ts').filter((pid) => {
    try {
      return getPriority(pid) > 0
    } catch {
      return false
    }
  })

test('a model that makes a tensor of 3 GB is refused, and its process stays under its limit', { timeout: 240_000 }, async () => {
  const { peak, value } = await peakOfChildren(() => bring((encoder) => allocates(encoder, 750_000_000)))
  figure('a tensor of 3 GB', { 'peak of a child in MB': peak })
  expect(value.found).toMatchObject({ status: 'FAILED', failure: { code: 'MODEL_UNUSABLE' } })
  expect(value.found.failure.message).not.toMatch(/\/tmp|\.data/)
  expect(peak).toBeLessThan(2_000)
})

test('a model with numbers in other files is refused', { timeout: 240_000 }, async () => {
  for (const file of ['decoder', 'archive', '/etc/hostname', '../archive']) {
    const { found } = await bring((encoder) => keepsElsewhere(encoder, file))
    expect(found.failure).toMatchObject({ code: 'MODEL_UNUSABLE', message: expect.stringMatching(/keeps numbers in other files/) })
  }
})

test('a model that loops for long phrases is refused in validation', { timeout: 300_000 }, async () => {
  const { found } = await bring((encoder) => loopsBetween(encoder, 100_000, 10_000_000))
  expect(found.failure).toMatchObject({ code: 'MODEL_UNUSABLE', message: expect.stringMatching(/no result within/) })
})

test('a model that loops in use does not cause refusals or delays for other deployments', { timeout: 400_000 }, async () => {
  // The length is that of neither the reference nor the longest phrase.
  const { id, found } = await bring((encoder) => loopsBetween(encoder, 100_000, 390_000))
  expect(found.status).toBe('READY')
  const poison = await api.create({ acousticModelId: id })
  const changes = await collect(api.watch(poison.deployment.id))
  expect(changes.at(-1)?.status).toBe('COMPLETE')
  const poisonUrl = changes.at(-1)?.deployment.endpoint?.httpUrl as string
  const { deployment: neighbor } = await api.deploy()
  const url = neighbor.endpoint?.httpUrl as string
  const [recording] = librivoxRecordings()
  const longest = librivoxRecordings().toSorted((a, b) => b.wav.length - a.wav.length)[0]
  const post = async () => {
    const started = performance.now()
    const response = await api.post(url, recording?.wav as Buffer<ArrayBuffer>)
    return { status: response.status, ms: performance.now() - started }
  }
  const measure = async () => {
    const times = []
    for (let n = 0; n < 8; n++) times.push(await post())
    return times
  }
  const attack = () =>
    Array.from({ length: 4 }, () =>
      api.post(poisonUrl, longest?.wav as Buffer<ArrayBuffer>).then(async (answer) => [answer.status, await answer.text()] as const),
    )
  await measure()
  // Each round is compared with the quiet time before it, so that both contain the other load of the machine.
  const rounds = []
  for (let round = 0; round < 3; round++) {
    const before = await measure()
    const attacks = attack()
    await until(() => apart().length > 0)
    const during = await measure()
    rounds.push({ before, during })
    // The model is not blamed for processes that are killed from outside.
    while ((await Promise.race([Promise.all(attacks), delay(100)])) === undefined) for (const pid of apart()) process.kill(pid, 'SIGKILL')
    await until(() => apart().length === 0)
  }
  const p95 = (times: { ms: number }[]) => times.map(({ ms }) => ms).sort((a, b) => a - b)[Math.floor(times.length * 0.95) - 1] as number
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number
  const ratios = rounds.map(({ before, during }) => p95(during) / p95(before))
  figure('a model that loops in use', {
    'neighbor p95 before in ms': median(rounds.map(({ before }) => p95(before))),
    'during in ms': median(rounds.map(({ during }) => p95(during))),
    'ratio, median of rounds': median(ratios),
  })
  const answers = rounds.flatMap(({ during }) => during.map(({ status }) => status))
  expect(answers).toEqual(answers.map(() => 200))
  // Requests that wait for the loop take ten times as long; a busy machine alone doubles a time.
  expect(median(ratios)).toBeLessThanOrEqual(3)

  const refusals = await Promise.all(attack())
  const again = await api.post(poisonUrl, longest?.wav as Buffer<ArrayBuffer>)
  expect(refusals.filter(([status]) => status !== 503 && status !== 429)).toEqual([])
  expect([again.status, await again.text()]).toEqual([503, expect.stringMatching(/MODEL_UNUSABLE.*refuses it until/)])
  const { data } = await api.ask('query ($id: ID!) { deployment(id: $id) { status timeline(last: 5) { nodes { message } } } }', { id: poison.deployment.id })
  expect(data?.deployment).toMatchObject({
    status: 'COMPLETE',
    timeline: { nodes: expect.arrayContaining([{ message: expect.stringMatching(/blocked a recognizer.*refused with MODEL_UNUSABLE until/) }]) },
  })
  const metrics = await (await fetch(`${api.localUrl}/metrics`)).text()
  expect(metrics).toMatch(/recognizer_deployments_suspected\{standing="refused"\} 1/)
  expect(Number(/recognizer_model_strikes_total (\d+)/.exec(metrics)?.[1])).toBeGreaterThanOrEqual(2)
})
