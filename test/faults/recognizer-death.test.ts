// Native code crashes the process that runs the models.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { collect, librivoxRecordings, startTestService } from '../support/service.ts'
import { figure } from './figure.ts'

/** Recognizers are children of this process, which runs the service. */
const recognizers = (kind = '\\w+') =>
  execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => new RegExp(`(decoding|recognition)/${kind}\\.process\\.ts`).test(line))
    .map((line) => Number(line.trim().split(' ')[0]))

const segfault = () => {
  const pids = recognizers()
  for (const pid of pids) process.kill(pid, 'SIGSEGV')
  return pids.length
}

test.each(['LOADING', 'VERIFYING'])('a recognizer that crashes in %s costs one attempt, and the deployment completes', async (stage) => {
  const api = await startTestService({ LOG_LEVEL: 'silent' })
  const { deployment } = await api.create(await api.sampleInput('CONVERSATIONAL'))
  const changes: { stage: string | null; status: string; message: string }[] = []
  let killed = 0
  let before: number[] = []
  for await (const change of api.watch(deployment.id)) {
    changes.push(change)
    if (change.stage !== stage || killed) continue
    // From the start of the stage until a process has ended.
    while (!killed) {
      before = recognizers()
      killed = segfault()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  expect(changes.at(-1)?.status).toBe('COMPLETE')
  const tries = changes.filter(({ message }) => message.startsWith('Try '))
  expect(killed).toBeGreaterThan(0)
  expect(recognizers().filter((pid) => before.includes(pid))).toEqual([])
  figure(`5, SIGSEGV while ${stage}`, { recognizers: killed, 'tries that failed': tries.length })
})

test('the crash of a recognizer does not affect recordings on other recognizers', async () => {
  const api = await startTestService({ LOG_LEVEL: 'silent', RECOGNIZERS: '2' })
  const { deployment } = await api.deploy()
  const url = deployment.endpoint?.httpUrl as string
  const [recording] = librivoxRecordings()
  const expected = await (await api.post(url, recording?.wav as Buffer<ArrayBuffer>)).json()
  const answers = collect(
    (async function* () {
      for (let n = 0; n < 12; n++) yield (await api.post(url, recording?.wav as Buffer<ArrayBuffer>)).json()
    })(),
  )
  const other = api.post(url, recording?.wav as Buffer<ArrayBuffer>).then((response) => response.json())
  await new Promise((resolve) => setTimeout(resolve, 300))
  const [victim] = recognizers('worker')
  process.kill(victim as number, 'SIGSEGV')
  const texts = [...(await answers), await other].map(({ DisplayText }) => DisplayText)
  const right = texts.filter((text) => text === expected.DisplayText).length
  // Another recognizer repeated the work of the crashed one.
  expect(right).toBe(texts.length)
  figure('5, SIGSEGV beside other recordings', { recordings: texts.length, right })
})
