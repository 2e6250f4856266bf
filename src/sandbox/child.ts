import { type ChildProcess, spawn } from 'node:child_process'

export interface Child<Request> {
  pid: number | undefined
  send(request: Request): void
  kill(): void
  /** Resolves when the process is gone. */
  gone: Promise<void>
}

interface Handlers<Reply> {
  message(reply: Reply): void
  /** Called once, with the reason and the last lines of the standard error output. */
  ended(reason: string, lastWords: string): void
}

/**
 * Starts a program, given by its path, as a child process. `memoryMb` is a hard limit on its writable memory:
 * an allocation beyond it fails in the process and does not affect the machine. `cpuSeconds` limits the
 * processor time of all its threads: beyond it the process ends with SIGXCPU.
 */
export function startChild<Request extends object, Reply>(program: string, handlers: Handlers<Reply>, memoryMb: number, cpuSeconds?: number): Child<Request> {
  const child = spawnLimited(program, memoryMb, cpuSeconds)
  let lastWords = ''
  let isOver = false
  const end = (reason: string) => {
    if (isOver) return
    isOver = true
    child.kill('SIGKILL')
    handlers.ended(reason, lastWords.trim())
  }
  child.stderr?.on('data', (chunk) => {
    lastWords = (lastWords + chunk).slice(-lastWordsLength)
  })
  child.on('message', (reply) => {
    if (!isOver) handlers.message(reply as Reply)
  })
  // A channel that closes during a message emits an error before the exit.
  child.on('error', (error) => end(error.message))
  child.on('exit', (code, signal) => end(signal ?? `exit ${code}`))
  return {
    pid: child.pid,
    send(request) {
      // A process that did not start, for lack of file descriptors, has no channel; its error follows.
      if (!isOver) child.send?.(request)
    },
    kill: () => void child.kill('SIGKILL'),
    gone: new Promise((done) => {
      child.once('exit', () => done())
      child.once('error', () => child.pid === undefined && done())
    }),
  }
}

/** V8 writes the reason for the end of a process before a stack of some kilobytes. */
const lastWordsLength = 8000

/** A shell sets the limits, or keeps lower ones, and then executes the program with the same process id. Windows has no such limits. */
function spawnLimited(program: string, memoryMb: number, cpuSeconds: number | undefined): ChildProcess {
  const limits = [`ulimit -d ${Math.ceil(memoryMb * 1024)}`, ...(cpuSeconds === undefined ? [] : [`ulimit -S -t ${Math.ceil(cpuSeconds)}`])]
  const script = `${limits.map((limit) => `${limit} 2>/dev/null; `).join('')}exec "$@"`
  const limited = ['/bin/sh', '-c', script, 'sh', process.execPath, program]
  const [command = '', ...args] = process.platform === 'win32' ? [process.execPath, program] : limited
  return spawn(command, args, {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // The full environment holds keys and passwords, which a hostile model must not see.
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '2', MALLOC_ARENA_MAX: '2' },
  })
}
