// The process of an import or evaluation is killed. Another continues, and recognizes no recording twice.
import { expect, test } from 'vitest'
import { evaluationsOf } from '../evaluation/evaluations.ts'
import { cardRecordings, collect, librivoxRecordings } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { startInstallation } from './roles.ts'

test('after kill -9 in the middle of an evaluation, another process recognizes the rest', { timeout: 180_000 }, async () => {
  const api = await startInstallation()
  const evaluations = evaluationsOf(api)
  const first = await api.startWorker()
  const recordings = [...cardRecordings(), ...librivoxRecordings(), ...cardRecordings()]
  const testSet = await evaluations.importTestSet(recordings)
  const { evaluation } = await evaluations.createEvaluation({ testSetId: testSet['id'], ...(await evaluations.pair('CONVERSATIONAL')) })
  const watched = collect(evaluations.watchEvaluation(evaluation.id))
  const readItems = () => api.sql`select * from evaluated_items order by number`
  await until(async () => (await readItems()).length >= 3, 60_000)
  first.child.kill('SIGKILL')
  const killedAt = Date.now()
  await first.ended
  const before = await readItems()
  expect(before.length).toBeLessThan(recordings.length)
  await api.startWorker()
  await until(async () => (await readItems()).length > before.length, 60_000)
  const takenOver = (Date.now() - killedAt) / 1000
  const states = await watched
  expect(states.at(-1)?.['evaluation']).toMatchObject({ status: 'COMPLETE', result: { utterances: recordings.length } })
  const statuses = states.map((state) => state['evaluation'].status)
  expect(statuses.filter((status) => status === 'COMPLETE')).toHaveLength(1)
  const after = await readItems()
  expect(after.map((row) => row['number'])).toEqual(recordings.map((_, n) => n + 1))
  expect(after.slice(0, before.length)).toEqual(before)
  const [row] = await api.sql`select run, dead_runs, held_by from evaluations`
  expect(row).toMatchObject({ run: 2, dead_runs: [] })
  figure('evaluation, kill -9 of the job process', { 'recordings before': before.length, 'until taken over, s': takenOver })
})

test('an evaluation whose process stops properly continues in the next process', { timeout: 180_000 }, async () => {
  const api = await startInstallation()
  const evaluations = evaluationsOf(api)
  const first = await api.startWorker()
  const recordings = [...librivoxRecordings(), ...cardRecordings(), ...librivoxRecordings()]
  const testSet = await evaluations.importTestSet(recordings)
  const { evaluation } = await evaluations.createEvaluation({ testSetId: testSet['id'], ...(await evaluations.pair()) })
  const watched = collect(evaluations.watchEvaluation(evaluation.id))
  await until(async () => (await api.sql`select from evaluated_items`).length >= 1, 60_000)
  first.child.kill('SIGTERM')
  await first.ended
  const before = await api.sql`select * from evaluated_items order by number`
  await api.startWorker()
  expect((await watched).at(-1)?.['evaluation']).toMatchObject({ status: 'COMPLETE', result: { utterances: recordings.length } })
  expect((await api.sql`select * from evaluated_items order by number`).slice(0, before.length)).toEqual(before)
})
