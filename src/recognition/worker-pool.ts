import { join } from 'node:path'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { WorkerProgress, WorkerReply, WorkerRequest, WorkerTask } from '../decoding/worker-messages.ts'
import type { Log } from '../log.ts'
import { type Child, startChild } from '../sandbox/child.ts'
import { minPriority, setNice } from '../sandbox/nice.ts'
import { awaitProcessorTime } from '../sandbox/processor-time.ts'
import { workerLimitMb } from './memory-limit.ts'
import { endLevel } from './recognizer-errors.ts'
import type { WorkersUsage } from './recognizers-port.ts'
import type { UnusedFiles } from './unused-files.ts'

/** The most models that every worker loads in advance. */
const maxWanted = 8
/** A worker that uses more than this multiple of its expected memory is replaced. */
const maxGrowth = 1.5
const prepareTimeoutMs = 60_000
/** The most overdue workers that continue, for each worker of the pool. */
const maxApartPerWorker = 2

/** A task of a worker and its callbacks; exactly one of `replied` and `lost` is called. */
export interface Work {
  task: WorkerTask
  /** A worker that takes longer counts as hung and is ended. */
  timeoutMs: number
  /** Receives complete words of the text during decoding. */
  begun?(beginning: string): void
  /** A worker that takes longer is set apart, so that another can replace it. */
  overdue?: { ms: number; passed(): void }
  replied(reply: WorkerReply, ms: number): void
  /** The worker ended before it answered; `wasStarted` is false if the process did not start. */
  lost(reason: string, wasStarted: boolean): void
}

export interface Worker {
  child: Child<WorkerRequest>
  work: Work | undefined
  began: number
  watchdog: NodeJS.Timeout | undefined
  endWait: (() => void) | undefined
  /** The watchdog ended it. */
  isHung: boolean
  models: Set<string>
  files: readonly string[]
  /** Models that the worker was asked to load in advance. */
  offered: Set<string>
  memoryBytes: number
}

const nothingToDo = { work: undefined, began: 0, watchdog: undefined, endWait: undefined, isHung: false } as const

/** The worker processes, started on demand, with their tasks and loaded models. */
export class WorkerPool {
  readonly #most: number
  readonly #memoryPerWorker: number
  readonly #limitMb: number
  readonly #nice: number
  readonly #unused: UnusedFiles
  readonly #log: Log
  readonly #changed: () => void
  readonly #all = new Set<Worker>()
  /** Overdue workers, which get no further task and end after the present one. */
  readonly #apart = new Set<Worker>()
  /** The ends of replaced workers. */
  readonly #leaving = new Set<Promise<void>>()
  /** Models that were requested with LOAD, the latest last. Every worker loads them, as far as its memory allows. */
  readonly #wanted = new Map<string, RecognizerModel>()
  #ended = 0
  #endedInARow = 0
  /** The earliest time at which the next worker is started. */
  #startAgainAt = 0
  #restart: NodeJS.Timeout | undefined
  /** True shortly after the end of a worker; then no worker is started in advance. */
  #isResting = false
  #isClosed = false

  /** `nice` lowers the priority of the processes, 0 is the usual one; `changed` is called when a worker is free or can be started again. */
  constructor({ workers, memoryMb, nice }: { workers: number; memoryMb: number; nice: number }, unused: UnusedFiles, log: Log, changed: () => void) {
    this.#most = workers
    this.#memoryPerWorker = (memoryMb / workers) * 2 ** 20
    this.#limitMb = workerLimitMb({ workers, memoryMb })
    this.#nice = nice
    this.#unused = unused
    this.#log = log
    this.#changed = changed
  }

  /** The number of idle workers, including those that are not started yet. */
  get idle(): number {
    return this.#most - this.#busy
  }

  get #busy(): number {
    return [...this.#all].filter(({ work }) => work).length
  }

  /** An idle worker, if possible one that holds the model; undefined if all are busy. */
  choose(modelId: string): Worker | undefined {
    const idle = [...this.#all].filter(({ work }) => !work)
    const holder = idle.find(({ models }) => models.has(modelId))
    const roomiest = idle.toSorted((a, b) => a.models.size - b.models.size)[0]
    const mayStart = this.#all.size < this.#most && performance.now() >= this.#startAgainAt
    return holder ?? roomiest ?? (mayStart ? this.#start() : undefined)
  }

  give(worker: Worker, work: Work): void {
    worker.work = work
    worker.began = performance.now()
    // The watchdog also ends a hung worker whose result is canceled.
    worker.watchdog = setTimeout(() => this.#end(worker), work.timeoutMs)
    const { overdue } = work
    worker.endWait = overdue && awaitProcessorTime(worker.child.pid, overdue.ms, () => this.#setApart(worker, overdue.passed))
    worker.child.send({ memoryBytes: this.#memoryPerWorker, task: work.task })
  }

  /** Loads requested models in idle and in new workers, before clients need them. */
  prepare(): void {
    if (this.#isResting) return
    for (const model of [...this.#wanted.values()].reverse()) {
      for (const worker of [...this.#all, ...Array.from({ length: this.#most - this.#all.size }, () => undefined)]) {
        if (worker?.work || worker?.models.has(model.id) || worker?.offered.has(model.id)) continue
        const chosen = worker ?? this.#start()
        chosen.offered.add(model.id)
        this.give(chosen, { task: { kind: 'LOAD', model, onlyIfFree: true }, timeoutMs: prepareTimeoutMs, replied() {}, lost() {} })
      }
    }
  }

  /** Lets idle workers evict files that no deployment uses. */
  evict(): void {
    for (const [id, { encoder, words }] of this.#wanted) if (this.#unused.pick([encoder, words ?? '']).length) this.#wanted.delete(id)
    for (const worker of this.#all) {
      const files = worker.work ? [] : this.#unused.pick(worker.files)
      if (files.length) this.give(worker, { task: { kind: 'RELEASE', files }, timeoutMs: prepareTimeoutMs, replied() {}, lost() {} })
    }
  }

  usage(): WorkersUsage {
    const models = new Map<string, number>()
    const processes = [...this.#all, ...this.#apart]
    for (const worker of this.#all) for (const id of worker.models) models.set(id, (models.get(id) ?? 0) + 1)
    return {
      workers: { running: processes.length, busy: this.#busy + this.#apart.size, most: this.#most, ended: this.#ended },
      models: [...models].map(([id, count]) => ({ id, workers: count })),
      memoryBytes: processes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#restart)
    const gone = [...this.#all, ...this.#apart].map((worker) => {
      clearTimeout(worker.watchdog)
      worker.endWait?.()
      worker.child.kill()
      worker.work?.lost('closed', true)
      return worker.child.gone
    })
    await Promise.all([...gone, ...this.#leaving])
  }

  #start(): Worker {
    const handlers = {
      message: (message: WorkerReply | WorkerProgress) => ('beginning' in message ? worker.work?.begun?.(message.beginning) : this.#finish(worker, message)),
      ended: (reason: string, lastWords: string) => this.#lose(worker, reason, lastWords),
    }
    const child = startChild<WorkerRequest, WorkerReply | WorkerProgress>(join(import.meta.dirname, '../decoding/worker.process.ts'), handlers, this.#limitMb)
    if (this.#nice) setNice(child.pid, this.#nice)
    const worker: Worker = { child, ...nothingToDo, models: new Set(), files: [], offered: new Set(), memoryBytes: 0 }
    this.#all.add(worker)
    return worker
  }

  #finish(worker: Worker, reply: WorkerReply) {
    const { work } = worker
    clearTimeout(worker.watchdog)
    worker.endWait?.()
    worker.work = undefined
    worker.memoryBytes = reply.memoryBytes
    worker.models = new Set(reply.models)
    worker.files = reply.files
    if (work?.task.kind === 'RELEASE') worker.offered.clear()
    this.#endedInARow = 0
    this.#isResting = false
    if (reply.ok && work?.task.kind === 'LOAD') this.#remember(work.task.model)
    const hasGrown = reply.memoryBytes > maxGrowth * Math.max(this.#memoryPerWorker, reply.expectedBytes)
    if (hasGrown) this.#log.info({ megabytes: Math.round(reply.memoryBytes / 2 ** 20) }, 'a recognizer had grown and was replaced')
    // A process without models still holds some of their memory.
    const isEmpty = work?.task.kind === 'RELEASE' && worker.models.size === 0
    if (hasGrown || isEmpty || this.#apart.has(worker)) this.dismiss(worker)
    work?.replied(reply, performance.now() - worker.began)
    this.#changed()
  }

  #lose(worker: Worker, reason: string, lastWords: string) {
    clearTimeout(worker.watchdog)
    worker.endWait?.()
    const wasKnown = this.#all.delete(worker) || this.#apart.delete(worker)
    if (!wasKnown || this.#isClosed) return
    this.#ended++
    this.#endedInARow++
    this.#isResting = true
    if (worker.isHung) reason = 'it gave no answer in time'
    this.#log[endLevel(reason)]({ reason, lastWords: lastWords || undefined }, 'a recognizer ended')
    const backoffMs = Math.min(30_000, 250 * 2 ** this.#endedInARow)
    const wasStarted = worker.child.pid !== undefined
    // If a process cannot be started, the next one cannot either.
    if (!wasStarted) this.#startAgainAt = performance.now() + backoffMs
    worker.work?.lost(reason, wasStarted)
    this.#changed()
    clearTimeout(this.#restart)
    this.#restart = setTimeout(() => {
      this.#isResting = false
      this.#startAgainAt = 0
      this.#changed()
    }, backoffMs).unref()
  }

  /** Lets an overdue worker continue beside the others at the lowest priority, or ends it if there are too many. */
  #setApart(worker: Worker, passed: () => void) {
    passed()
    if (this.#apart.size >= maxApartPerWorker * this.#most) return this.#end(worker)
    if (!this.#all.delete(worker)) return
    this.#apart.add(worker)
    setNice(worker.child.pid, minPriority)
    this.#changed()
  }

  /** Ends a hung worker. */
  #end(worker: Worker) {
    worker.isHung = true
    worker.child.kill()
  }

  /** Ends an idle worker. */
  dismiss(worker: Worker) {
    this.#all.delete(worker)
    this.#apart.delete(worker)
    worker.child.kill()
    const gone = worker.child.gone.then(() => void this.#leaving.delete(gone))
    this.#leaving.add(gone)
  }

  /** Ends all idle workers. */
  dismissIdle(): void {
    for (const worker of [...this.#all]) if (!worker.work) this.dismiss(worker)
  }

  #remember(model: RecognizerModel) {
    this.#wanted.delete(model.id)
    this.#wanted.set(model.id, model)
    const [oldest] = this.#wanted.keys()
    if (this.#wanted.size > maxWanted && oldest !== undefined) this.#wanted.delete(oldest)
  }
}
