// Programs of others that a house runs: Postgres, haproxy, nginx.
import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import type { OnFinished } from '../../support/service.ts'
import { until } from '../../support/until.ts'

/** The shell ends the program when the other end of its pipe closes: in `end`, or because the process of the tests has ended. */
const guard = (signal: string) =>
  `"$@" 3<&- & program=$!; (read -r _ <&3; kill -${signal} $program) & guard=$!; wait $program; code=$?; kill $guard 2>/dev/null; exit $code`

/** Starts a program and waits until it serves. */
export async function startProgram(
  [file = '', ...args]: string[],
  { signal, isReady, options = {}, onFinished }: { signal: string; isReady(said: string): unknown; options?: SpawnOptions; onFinished: OnFinished },
) {
  const child = spawn('/bin/sh', ['-c', guard(signal), 'sh', file, ...args], { ...options, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said = (said + chunk).slice(-8000)
  })
  const ended = once(child, 'exit')
  const end = async () => {
    ;(child.stdio[3] as NodeJS.WritableStream | null)?.end()
    await ended
  }
  onFinished(end)
  await until(async () => child.exitCode !== null || (await isReady(said)))
  expect(child.exitCode, said).toBeNull()
  return { end }
}
