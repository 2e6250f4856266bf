// A failing task does not affect its parent, which receives the reason.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runTask } from '../../src/sandbox/task.ts'
import type { Hunger } from '../support/hungry.process.ts'

const limits = { memoryMb: 900, cpuSeconds: 2, seconds: 30 }
const run = (hunger: Hunger, more: Partial<typeof limits> = {}, signal?: AbortSignal) =>
  runTask<{ hunger: Hunger }, string>(join(import.meta.dirname, '../support/hungry.process.ts'), { hunger }, { limits: { ...limits, ...more }, signal })

test.each<[Hunger, Partial<typeof limits>, object]>([
  ['PROCESSOR', {}, { name: 'Error', limit: '2 s of processor time', place: 'line 3' }],
  ['HEAP', { cpuSeconds: 60, seconds: 50 }, { limit: '900 MB of memory', place: 'line 3' }],
  ['BUFFERS', { cpuSeconds: 60 }, { limit: '900 MB of memory', place: 'line 3' }],
  ['TIME', { seconds: 2 }, { limit: '2 s', place: 'line 3' }],
  ['DEATH', {}, { limit: undefined, message: 'SIGKILL' }],
  ['REFUSAL', {}, { message: 'has no table', details: { line: 3 } }],
  ['FAILURE', {}, { message: 'no space', code: 'ENOSPC' }],
])('a task that ends by %s reports the reason', async (hunger, more, reason) => {
  await expect(run(hunger, more)).rejects.toMatchObject(reason)
})

test('a task answers, and a canceled task ends at once', async () => {
  expect(await run('NONE')).toBe('done')
  const unwanted = new AbortController()
  const running = run('TIME', {}, unwanted.signal)
  unwanted.abort(new Error('no longer wanted'))
  await expect(running).rejects.toThrow('no longer wanted')
})
