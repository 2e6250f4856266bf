import type { Log } from '../log.ts'
import { type Child, startChild } from './child.ts'
import { endLevel } from './end-level.ts'
import type { RecognizerModel } from './recognizer.ts'
import type { WorkerProgress, WorkerReply, WorkerRequest, WorkerTask } from './worker.ts'

/** Models that are kept ready in every worker. */
const mostWanted = 8
/** A worker that takes this many times what its models explain is replaced. */
const mostGrowth = 1.5
const preparePatienceMs = 60_000

/** What a worker is given to do, and who hears how it went; exactly one of `replied` and `lost` is called. */
export interface Work {
  task: WorkerTask
  /** A worker that takes longer is taken to hang, and ended. */
  patienceMs: number
  /** Complete words of a text that is still being decoded. */
  begun?(beginning: string): void
  replied(reply: WorkerReply, ms: number): void
  /** The worker ended before it answered; `wasStarted` is false when there was no process at all. */
  lost(reason: string, wasStarted: boolean): void
}

export interface Worker {
  child: Child<WorkerRequest>
  work: Work | undefined
  began: number
  watchdog: NodeJS.Timeout | undefined
  models: Set<string>
  /** Models that it was asked to hold before anybody needs them here. */
  offered: Set<string>
  memoryBytes: number
}

/** The worker processes, started as they are needed: who is idle, who holds which models, who has ended. */
export class Workers {
  readonly #most: number
  readonly #memoryPerWorker: number
  readonly #log: Log
  readonly #changed: () => void
  readonly #all = new Set<Worker>()
  /** Replaced workers that are not gone yet. */
  readonly #leaving = new Set<Promise<void>>()
  /** Models that were loaded on purpose, the latest last: every worker is to hold them, where there is room. */
  readonly #wanted = new Map<string, RecognizerModel>()
  #ended = 0
  #endedInARow = 0
  /** No worker is started before. */
  #startAgainAt = 0
  #restart: NodeJS.Timeout | undefined
  /** One has ended just now, so none is started that nobody waits for. */
  #isResting = false
  #isClosed = false

  /** `changed` is called when a worker has become free, or may be started again. */
  constructor({ workers, memoryMb }: { workers: number; memoryMb: number }, log: Log, changed: () => void) {
    this.#most = workers
    this.#memoryPerWorker = (memoryMb / workers) * 2 ** 20
    this.#log = log
    this.#changed = changed
  }

  /** Workers that have nothing to do, those included that are not started yet. */
  get idle(): number {
    return this.#most - this.#busy
  }

  get #busy(): number {
    return [...this.#all].filter(({ work }) => work).length
  }

  /** A worker without work, best one that holds the model; undefined when all are at work. */
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
    // The worker's own clock, whoever still waits for it: one that hangs must not be lost for ever.
    worker.watchdog = setTimeout(() => worker.child.kill(), work.patienceMs)
    worker.child.send({ memoryBytes: this.#memoryPerWorker, task: work.task })
  }

  /** Has workers that are idle, or not started yet, load what may be asked of them, so that nobody waits for it. */
  prepare(): void {
    if (this.#isResting) return
    for (const model of [...this.#wanted.values()].reverse()) {
      for (const worker of [...this.#all, ...Array.from({ length: this.#most - this.#all.size }, () => undefined)]) {
        if (worker?.work || worker?.models.has(model.id) || worker?.offered.has(model.id)) continue
        const chosen = worker ?? this.#start()
        chosen.offered.add(model.id)
        this.give(chosen, { task: { kind: 'LOAD', model, onlyIfRoom: true }, patienceMs: preparePatienceMs, replied() {}, lost() {} })
      }
    }
  }

  usage() {
    const models = new Map<string, number>()
    for (const worker of this.#all) for (const id of worker.models) models.set(id, (models.get(id) ?? 0) + 1)
    return {
      workers: { running: this.#all.size, busy: this.#busy, most: this.#most, ended: this.#ended },
      models: [...models].map(([id, count]) => ({ id, workers: count })),
      memoryBytes: [...this.#all].reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#restart)
    const gone = [...this.#all].map((worker) => {
      clearTimeout(worker.watchdog)
      worker.child.kill()
      worker.work?.lost('closed', true)
      return worker.child.gone
    })
    await Promise.all([...gone, ...this.#leaving])
  }

  #start(): Worker {
    const child = startChild<WorkerRequest, WorkerReply | WorkerProgress>('worker.ts', {
      message: (message) => ('beginning' in message ? worker.work?.begun?.(message.beginning) : this.#finish(worker, message)),
      ended: (reason, lastWords) => this.#lose(worker, reason, lastWords),
    })
    const worker: Worker = { child, work: undefined, began: 0, watchdog: undefined, models: new Set(), offered: new Set(), memoryBytes: 0 }
    this.#all.add(worker)
    return worker
  }

  #finish(worker: Worker, reply: WorkerReply) {
    const { work } = worker
    clearTimeout(worker.watchdog)
    worker.work = undefined
    worker.memoryBytes = reply.memoryBytes
    worker.models = new Set(reply.models)
    this.#endedInARow = 0
    this.#isResting = false
    if (reply.ok && work?.task.kind === 'LOAD') this.#remember(work.task.model)
    if (reply.memoryBytes > mostGrowth * Math.max(this.#memoryPerWorker, reply.expectedBytes)) this.#replace(worker)
    work?.replied(reply, performance.now() - worker.began)
    this.#changed()
  }

  #lose(worker: Worker, reason: string, lastWords: string) {
    clearTimeout(worker.watchdog)
    if (!this.#all.delete(worker) || this.#isClosed) return
    this.#ended++
    this.#endedInARow++
    this.#isResting = true
    this.#log[endLevel(reason)]({ reason, lastWords: lastWords || undefined }, 'a recognizer ended')
    const backoffMs = Math.min(30_000, 250 * 2 ** this.#endedInARow)
    const wasStarted = worker.child.pid !== undefined
    // Where no process could be started, the next could not be either.
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

  /** Ends a worker that has grown past what its models explain; it has nothing to do at the moment. */
  #replace(worker: Worker) {
    this.#all.delete(worker)
    worker.child.kill()
    const gone = worker.child.gone.then(() => void this.#leaving.delete(gone))
    this.#leaving.add(gone)
    this.#log.info({ megabytes: Math.round(worker.memoryBytes / 2 ** 20) }, 'a recognizer had grown and was replaced')
  }

  #remember(model: RecognizerModel) {
    this.#wanted.delete(model.id)
    this.#wanted.set(model.id, model)
    const [oldest] = this.#wanted.keys()
    if (this.#wanted.size > mostWanted && oldest !== undefined) this.#wanted.delete(oldest)
  }
}
