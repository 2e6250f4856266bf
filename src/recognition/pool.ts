import { type ChildProcess, fork } from 'node:child_process'
import { resolve } from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { ModelUnusableError, type Recognition, RecognizerCrashedError, type Recognizers, RecognizersBusyError } from './recognizer.ts'
import type { WorkerReply, WorkerRequest, WorkerTask } from './worker.ts'

/** A worker that says nothing for this long is taken to hang; a minute of speech takes it a tenth of that. */
const patienceMs = 60_000
/** Whoever has waited for a worker this long is told to come back. */
const longestWaitMs = 30_000

interface Task {
  modelId: string
  message: WorkerTask
  settle: (reply: WorkerReply | Error) => void
}

interface Worker {
  process: ChildProcess
  task: Task | undefined
  watchdog: NodeJS.Timeout | undefined
  models: Set<string>
}

/** Keeps up to `workers` child processes, started as they are needed, and a bounded queue before them. */
export function openRecognizers({ workers: most, queueLimit }: Config['recognition'], log: Log): Recognizers {
  const workers = new Set<Worker>()
  const waiting: Task[] = []
  let lastId = 0
  let closed = false

  const start = (): Worker => {
    const child = fork(resolve(import.meta.dirname, 'worker.ts'), [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // The environment holds keys and passwords that no model file needs to see.
      env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '2', MALLOC_ARENA_MAX: '2' },
    })
    const worker: Worker = { process: child, task: undefined, watchdog: undefined, models: new Set() }
    workers.add(worker)
    let lastWords = ''
    child.stderr?.on('data', (chunk) => {
      lastWords = (lastWords + chunk).slice(-1000)
    })
    child.on('message', (reply: WorkerReply) => {
      const task = worker.task
      worker.task = undefined
      clearTimeout(worker.watchdog)
      if (reply.ok && task) worker.models.add(task.modelId)
      task?.settle(reply)
      dispatch()
    })
    const end = (reason: string) => {
      clearTimeout(worker.watchdog)
      if (!workers.delete(worker) || closed) return
      log.warn({ reason, lastWords: lastWords.trim() || undefined }, 'a recognizer ended')
      worker.task?.settle(new RecognizerCrashedError(`The recognizer ended while it was at work (${reason}).`))
      dispatch()
    }
    child.on('error', (error) => end(error.message))
    child.on('exit', (code, signal) => end(signal ?? `exit ${code}`))
    return worker
  }

  const chooseWorker = (modelId: string): Worker | undefined => {
    const idle = [...workers].filter((worker) => !worker.task)
    return idle.find((worker) => worker.models.has(modelId)) ?? idle[0] ?? (workers.size < most ? start() : undefined)
  }

  const dispatch = () => {
    while (waiting.length && !closed) {
      const worker = chooseWorker((waiting[0] as Task).modelId)
      if (!worker) return
      const task = waiting.shift() as Task
      worker.task = task
      // The worker's own clock, whoever still waits for it: one that hangs must not be lost for ever.
      worker.watchdog = setTimeout(() => worker.process.kill('SIGKILL'), patienceMs)
      const message: WorkerRequest = { id: ++lastId, ...task.message }
      worker.process.send(message)
    }
  }

  const submit = <T extends Recognition | number>(modelId: string, message: Task['message'], signal?: AbortSignal): Promise<T> =>
    new Promise<T>((resolved, rejected) => {
      signal?.throwIfAborted()
      if (closed) throw new RecognizerCrashedError('The recognizers are closing.')
      if (waiting.length >= queueLimit) throw new RecognizersBusyError('Too many recordings are waiting to be recognized. Try again in a moment.')
      const leave = (reason: Error) => {
        const place = waiting.indexOf(task)
        if (place >= 0) waiting.splice(place, 1)
        // One that is already at work finishes, unheard: ending a decoding would mean ending the process.
        task.settle(reason)
      }
      const abandon = () => leave(signal?.reason instanceof Error ? signal.reason : new Error('canceled'))
      const waited = setTimeout(() => {
        if (waiting.includes(task)) leave(new RecognizersBusyError('The recognizers did not get round to this recording in time. Try again in a moment.'))
      }, longestWaitMs)
      const task: Task = {
        modelId,
        message,
        settle(reply) {
          clearTimeout(waited)
          signal?.removeEventListener('abort', abandon)
          if (reply instanceof Error) rejected(reply)
          else if (reply.ok) resolved(reply.value as T)
          else rejected(reply.problem === 'MODEL_UNUSABLE' ? new ModelUnusableError(reply.message) : new Error(reply.message))
        },
      }
      signal?.addEventListener('abort', abandon, { once: true })
      waiting.push(task)
      dispatch()
    })

  return {
    load: (model, signal) => submit<number>(model.id, { kind: 'load', model }, signal),
    recognize: (request, signal) => submit<Recognition>(request.model.id, { kind: 'recognize', request }, signal),
    async check() {
      if (closed) throw new Error('closed')
      // One that is at work is alive; else any may say so, started for it if need be.
      if (![...workers].some((worker) => worker.task)) await submit<number>('', { kind: 'ping' }, AbortSignal.timeout(10_000))
    },
    async close() {
      closed = true
      for (const task of waiting.splice(0)) task.settle(new RecognizerCrashedError('The recognizers are closing.'))
      await Promise.all(
        [...workers].map(async (worker) => {
          worker.task?.settle(new RecognizerCrashedError('The recognizers are closing.'))
          const ended = new Promise((done) => worker.process.once('exit', done))
          worker.process.kill('SIGKILL')
          await ended
        }),
      )
    },
  }
}
