import { fork } from 'node:child_process'
import { resolve } from 'node:path'

export interface Child<Request> {
  pid: number | undefined
  send(request: Request): void
  kill(): void
  /** Resolves when the process is gone. */
  gone: Promise<void>
}

interface Handlers<Reply> {
  message(reply: Reply): void
  /** Called once, with what is known of the reason and the last lines that the process wrote. */
  ended(reason: string, lastWords: string): void
}

/** Starts one of this room's programs as a process of its own. */
export function startChild<Request extends object, Reply>(
  program: 'worker.ts' | 'detector.ts' | 'trainer.ts' | 'examiner.ts',
  handlers: Handlers<Reply>,
): Child<Request> {
  const child = fork(resolve(import.meta.dirname, program), [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // The environment holds keys and passwords that no model file needs to see.
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '2', MALLOC_ARENA_MAX: '2' },
  })
  let lastWords = ''
  let isOver = false
  const end = (reason: string) => {
    if (isOver) return
    isOver = true
    child.kill('SIGKILL')
    handlers.ended(reason, lastWords.trim())
  }
  child.stderr?.on('data', (chunk) => {
    lastWords = (lastWords + chunk).slice(-1000)
  })
  child.on('message', (reply) => {
    if (!isOver) handlers.message(reply as Reply)
  })
  // A channel that closed under a message is told as an error, and the exit follows.
  child.on('error', (error) => end(error.message))
  child.on('exit', (code, signal) => end(signal ?? `exit ${code}`))
  return {
    pid: child.pid,
    send(request) {
      // Where none could be started, for want of file descriptors, there is no channel either; its error is on the way.
      if (!isOver) child.send?.(request)
    },
    kill: () => void child.kill('SIGKILL'),
    gone: new Promise((done) => {
      child.once('exit', () => done())
      child.once('error', () => child.pid === undefined && done())
    }),
  }
}
