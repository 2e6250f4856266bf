import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { awaitProcessorTime } from '../../src/sandbox/processor-time.ts'

/** A process that loops for ever. */
async function startLoop() {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("go"); for (;;);'], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

test('a process that uses the processor is overdue, and one that does not get it is not', async () => {
  const [working, waiting, ended] = [await startLoop(), await startLoop(), vi.fn()]
  waiting.kill('SIGSTOP')
  const passed = vi.fn()
  onTestFinished(awaitProcessorTime(waiting.pid, 300, passed))
  awaitProcessorTime(working.pid, 300, ended)()
  await new Promise<void>((overdue) => awaitProcessorTime(working.pid, 300, overdue))
  await delay(500)
  expect(passed).not.toHaveBeenCalled()
  waiting.kill('SIGCONT')
  await vi.waitUntil(() => passed.mock.calls.length === 1, 30_000)
  expect(ended).not.toHaveBeenCalled()
})
