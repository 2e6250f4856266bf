// A task that takes more than it may, or refuses, fails or dies.
import { answerTask } from '../../src/sandbox/answer.ts'
import { TaskRefusal } from '../../src/sandbox/task.ts'

export type Hunger = 'PROCESSOR' | 'HEAP' | 'BUFFERS' | 'TIME' | 'DEATH' | 'REFUSAL' | 'FAILURE' | 'NONE'

answerTask<{ hunger: Hunger }, string>(async ({ hunger }, tell) => {
  tell.place('line 3')
  await new Promise((told) => setTimeout(told, 50))
  const kept: unknown[] = []
  if (hunger === 'PROCESSOR') for (;;) kept[0] = Math.random()
  if (hunger === 'HEAP') for (;;) kept.push(new Array(1_000_000).fill(kept.length))
  if (hunger === 'BUFFERS') for (;;) kept.push(Buffer.alloc(50_000_000, 1))
  if (hunger === 'TIME') await new Promise(() => setInterval(() => {}, 1000))
  if (hunger === 'DEATH') process.kill(process.pid, 'SIGKILL')
  if (hunger === 'REFUSAL') throw new TaskRefusal('has no table', { line: 3 })
  if (hunger === 'FAILURE') throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
  return 'done'
})
