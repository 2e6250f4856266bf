import type { Log } from '../log.ts'
import { type Child, startChild } from './child.ts'
import { FairQueue } from './queue.ts'
import { ModelUnusableError, RecognizerCrashedError, type RecognizerModel, RecognizersBusyError } from './recognizer.ts'
import { Turns } from './turns.ts'
import type { WorkerReply, WorkerRequest, WorkerTask } from './worker.ts'

/** Whoever has waited for a worker this long is told to come back. */
const longestWaitMs = 30_000
/** A piece that has ended this many workers is given up: it would end the next one, too. */
const mostCrashes = 3

/** Models that are kept ready in every worker. */
const mostWanted = 8
/** A worker that takes this many times what its models explain is replaced. */
const mostGrowth = 1.5

/**
 * FINAL: somebody waits for it. SPECULATIVE: somebody will, if the speaker does not go on. INTERIM: nice to
 * have, so it is done at once, by a worker that has nothing else to do, or not at all; {@link Turns} says when.
 */
export type Priority = 'FINAL' | 'SPECULATIVE' | 'INTERIM'

export interface Piece {
  /** Where the model's files are shared, workers that hold them are preferred. */
  modelId: string
  deploymentId: string
  priority: Priority
  task: WorkerTask
  /** A worker that takes longer is taken to hang, and ended. */
  patienceMs: number
}

export type Value<K extends WorkerTask['kind']> = Extract<WorkerReply, { ok: true; kind: K }>['value']

interface Waiting extends Piece {
  crashes: number
  isSettled: boolean
  timer: NodeJS.Timeout | undefined
  waitsUntil: number
  settle(result: { value: unknown; ms: number } | Error): void
}

interface Worker {
  child: Child<WorkerRequest>
  piece: Waiting | undefined
  began: number
  watchdog: NodeJS.Timeout | undefined
  models: Set<string>
  /** Models that it was asked to hold before anybody needs them here. */
  offered: Set<string>
  memoryBytes: number
}

export interface Ticket {
  /** Nobody wants the result any more; a piece at work is finished, unheard. */
  cancel(): void
  /** Somebody waits for it now. */
  promote(): void
}

export type Pool = ReturnType<typeof openPool>

/** Keeps up to `most` worker processes, started as they are needed, and gives them pieces of work by urgency. */
export function openPool({ workers: most, memoryMb }: { workers: number; memoryMb: number }, log: Log) {
  const workers = new Set<Worker>()
  const queues = { FINAL: new FairQueue<Waiting>(), SPECULATIVE: new FairQueue<Waiting>() }
  /** Replaced workers that are not gone yet. */
  const leaving = new Set<Promise<void>>()
  const memoryPerWorker = (memoryMb / most) * 2 ** 20
  /** Models that were loaded on purpose, the latest last: every worker is to hold them, where there is room. */
  const wanted = new Map<string, RecognizerModel>()
  let ended = 0
  let endedInARow = 0
  /** No worker is started before. */
  let startAgainAt = 0
  let isClosed = false
  let restart: NodeJS.Timeout | undefined

  const start = (): Worker => {
    const child = startChild<WorkerRequest, WorkerReply>('worker.ts', {
      message: (reply) => finish(worker, reply),
      ended: (reason, lastWords) => lose(worker, reason, lastWords),
    })
    const worker: Worker = { child, piece: undefined, began: 0, watchdog: undefined, models: new Set(), offered: new Set(), memoryBytes: 0 }
    workers.add(worker)
    return worker
  }

  const finish = (worker: Worker, reply: WorkerReply) => {
    const { piece } = worker
    clearTimeout(worker.watchdog)
    worker.piece = undefined
    worker.memoryBytes = reply.memoryBytes
    worker.models = new Set(reply.models)
    const ms = performance.now() - worker.began
    endedInARow = 0
    if (reply.ok && piece?.task.kind === 'LOAD') remember(piece.task.model)
    if (reply.memoryBytes > mostGrowth * Math.max(memoryPerWorker, reply.expectedBytes)) replace(worker)
    if (reply.ok) piece?.settle({ value: reply.value, ms })
    else piece?.settle(reply.problem === 'MODEL_UNUSABLE' ? new ModelUnusableError(reply.message) : new Error(reply.message))
    dispatch()
  }

  const lose = (worker: Worker, reason: string, lastWords: string) => {
    clearTimeout(worker.watchdog)
    if (!workers.delete(worker) || isClosed) return
    ended++
    endedInARow++
    log.warn({ reason, lastWords: lastWords || undefined }, 'a recognizer ended')
    const { piece } = worker
    const backoffMs = Math.min(30_000, 250 * 2 ** endedInARow)
    // A process that could not even be started says nothing of the piece, and the next could not be either.
    const wasStarted = worker.child.pid !== undefined
    if (!wasStarted) startAgainAt = performance.now() + backoffMs
    else if (piece) piece.crashes++
    const isWorthIt = !wasStarted || (piece?.task.kind === 'DECODE' && piece.crashes < mostCrashes)
    // What nobody waits for any more is not tried again.
    if (piece && isWorthIt && !piece.isSettled && piece.priority !== 'INTERIM') {
      limitWait(piece, wasStarted)
      queues[piece.priority].pushFirst(piece.deploymentId, piece)
    } else piece?.settle(new RecognizerCrashedError(`The recognizer ended while it was at work (${reason}). Try again.`))
    dispatch()
    clearTimeout(restart)
    restart = setTimeout(() => {
      endedInARow = 0
      startAgainAt = 0
      if (!isClosed) dispatch()
    }, backoffMs).unref()
  }

  const leave = (piece: Waiting) => piece.priority !== 'INTERIM' && queues[piece.priority].remove(piece.deploymentId, piece)

  const limitWait = (piece: Waiting, isNew: boolean) => {
    clearTimeout(piece.timer)
    if (isNew) piece.waitsUntil = performance.now() + longestWaitMs
    const late = new RecognizersBusyError('The recognizers did not get round to this recording in time. Try again in a moment.')
    piece.timer = setTimeout(() => leave(piece) && piece.settle(late), piece.waitsUntil - performance.now())
  }

  /** Ends a worker that has grown past what its models explain; it has nothing to do at the moment. */
  const replace = (worker: Worker) => {
    workers.delete(worker)
    worker.child.kill()
    const gone = worker.child.gone.then(() => void leaving.delete(gone))
    leaving.add(gone)
    log.info({ megabytes: Math.round(worker.memoryBytes / 2 ** 20) }, 'a recognizer had grown and was replaced')
  }

  const remember = (model: RecognizerModel) => {
    wanted.delete(model.id)
    wanted.set(model.id, model)
    const [oldest] = wanted.keys()
    if (wanted.size > mostWanted && oldest !== undefined) wanted.delete(oldest)
  }

  /** Has workers that are idle, or not started yet, load what may be asked of them, so that nobody waits for it. */
  const prepare = () => {
    for (const model of [...wanted.values()].reverse()) {
      for (const worker of [...workers, ...Array.from({ length: most - workers.size }, () => undefined)]) {
        if (worker?.piece || worker?.models.has(model.id) || worker?.offered.has(model.id)) continue
        const chosen = worker ?? start()
        chosen.offered.add(model.id)
        const task = { kind: 'LOAD', model, onlyIfRoom: true } as const
        give(chosen, {
          modelId: model.id,
          deploymentId: '',
          priority: 'INTERIM',
          task,
          patienceMs: 60_000,
          crashes: 0,
          isSettled: true,
          timer: undefined,
          waitsUntil: 0,
          settle() {},
        })
      }
    }
  }

  const chooseWorker = (modelId: string): Worker | undefined => {
    const idle = [...workers].filter((worker) => !worker.piece)
    return (
      idle.find((worker) => worker.models.has(modelId)) ??
      idle.toSorted((a, b) => a.models.size - b.models.size)[0] ??
      (workers.size < most && performance.now() >= startAgainAt ? start() : undefined)
    )
  }

  const give = (worker: Worker, piece: Waiting) => {
    clearTimeout(piece.timer)
    worker.piece = piece
    worker.began = performance.now()
    // The worker's own clock, whoever still waits for it: one that hangs must not be lost for ever.
    worker.watchdog = setTimeout(() => worker.child.kill(), piece.patienceMs)
    worker.child.send({ memoryBytes: memoryPerWorker, task: piece.task })
  }

  const dispatch = () => {
    while (!isClosed && queues.FINAL.size + queues.SPECULATIVE.size > 0) {
      const queue = queues.FINAL.size ? queues.FINAL : queues.SPECULATIVE
      let worker: Worker | undefined
      const piece = queue.take(({ modelId }) => {
        worker ??= chooseWorker(modelId)
        return worker !== undefined
      })
      if (!piece || !worker) return
      give(worker, piece)
    }
    // A worker that ends as soon as it is started must not be started again and again.
    if (isClosed || endedInARow > 0) return
    turns.give()
    prepare()
  }

  /** Whether what is handed in now is begun now. */
  const isFree = () => queues.FINAL.size + queues.SPECULATIVE.size === 0 && [...workers].filter((worker) => worker.piece).length < most

  const turns = new Turns(most, isFree)

  function submit<K extends WorkerTask['kind']>(
    wanted: Piece & { task: { kind: K } },
    settled: (result: { value: Value<K>; ms: number } | Error) => void,
  ): Ticket {
    const piece: Waiting = {
      ...wanted,
      crashes: 0,
      isSettled: false,
      timer: undefined,
      waitsUntil: 0,
      settle(result) {
        clearTimeout(piece.timer)
        if (piece.isSettled) return
        piece.isSettled = true
        settled(result as { value: Value<K>; ms: number } | Error)
      },
    }
    if (piece.priority === 'INTERIM') {
      const worker = isFree() ? chooseWorker(piece.modelId) : undefined
      if (worker) give(worker, piece)
      else queueMicrotask(() => piece.settle(new RecognizersBusyError('All recognizers are at work.')))
    } else {
      limitWait(piece, true)
      queues[piece.priority].push(piece.deploymentId, piece)
      dispatch()
    }
    return {
      cancel() {
        piece.isSettled = true
        clearTimeout(piece.timer)
        leave(piece)
      },
      promote() {
        const waited = leave(piece)
        if (piece.priority === 'SPECULATIVE') piece.priority = 'FINAL'
        if (waited) queues.FINAL.push(piece.deploymentId, piece)
        dispatch()
      },
    }
  }

  return {
    submit,
    turns,
    isFree,
    usage() {
      const models = new Map<string, number>()
      for (const worker of workers) for (const id of worker.models) models.set(id, (models.get(id) ?? 0) + 1)
      return {
        waiting: queues.FINAL.size + queues.SPECULATIVE.size,
        workers: { running: workers.size, busy: [...workers].filter((worker) => worker.piece).length, most, ended },
        models: [...models].map(([id, count]) => ({ id, workers: count })),
        memoryBytes: [...workers].reduce((sum, worker) => sum + worker.memoryBytes, 0),
      }
    },
    async close() {
      isClosed = true
      const closing = new RecognizerCrashedError('The recognizers are closing.')
      for (const piece of [...queues.FINAL.clear(), ...queues.SPECULATIVE.clear()]) piece.settle(closing)
      await Promise.all(
        [...workers].map(async (worker) => {
          worker.piece?.settle(closing)
          clearTimeout(worker.watchdog)
          worker.child.kill()
          await worker.child.gone
        }),
      )
      await Promise.all(leaving)
    },
  }
}
