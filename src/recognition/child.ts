import { type ChildProcess, spawn } from 'node:child_process'
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

/** The programs of this room that run as processes of their own. */
type Program = 'worker.ts' | 'detector.ts' | 'trainer.ts' | 'examiner.ts'

/**
 * Starts a program as a process of its own. `memoryMb` is a hard limit on its writable memory: an allocation
 * beyond it fails in the process, and the machine does not notice.
 */
export function startChild<Request extends object, Reply>(program: Program, handlers: Handlers<Reply>, memoryMb: number): Child<Request> {
  const child = spawnLimited(resolve(import.meta.dirname, program), memoryMb)
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

/** A shell sets the limit, or keeps a lower one, and becomes the program under the same process id. Windows has no such limit. */
function spawnLimited(program: string, memoryMb: number): ChildProcess {
  const limited = ['/bin/sh', '-c', 'ulimit -d "$0" 2>/dev/null; exec "$@"', String(Math.ceil(memoryMb * 1024)), process.execPath, program]
  const [command = '', ...args] = process.platform === 'win32' ? [process.execPath, program] : limited
  return spawn(command, args, {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // The environment holds keys and passwords that no model file needs to see.
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '2', MALLOC_ARENA_MAX: '2' },
  })
}
