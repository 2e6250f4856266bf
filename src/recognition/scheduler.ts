import { FairQueue } from '../capacity/fair-queue.ts'
import { ModelUnusableError, type RecognizerModel } from '../decoding/recognizer-model.ts'
import type { WorkerTask } from '../decoding/worker-messages.ts'
import type { Log } from '../log.ts'
import { jobNice } from '../sandbox/nice.ts'
import { HypothesisScheduler } from './hypothesis-scheduler.ts'
import type { Piece, Priority, Ticket, Value } from './piece.ts'
import { isOfUser, overdueMs, Quarantine, refusal, type Suspicion } from './quarantine.ts'
import { RecognizerCrashedError, RecognizersBusyError } from './recognizer-errors.ts'
import type { StreamRequest } from './recognizer-stream.ts'
import { joinUsages } from './recognizers-port.ts'
import { UnusedFiles } from './unused-files.ts'
import { type Worker, WorkerPool } from './worker-pool.ts'

/** The longest wait for a worker. */
const maxWaitMs = 30_000
/** A piece that ended this number of workers is given up, because it would end the next one, too. */
const maxCrashes = 3
/** The idle time after which the workers for unproven models end. */
const suspectsIdleMs = 5 * 60_000

/** Workers and the queues of their pieces. */
interface Lane {
  workers: WorkerPool
  most: number
  queues: Record<Exclude<Priority, 'INTERIM'>, FairQueue<WaitingPiece>>
}

interface WaitingPiece extends Piece {
  /** The lane in which the piece waits. */
  lane: Lane | undefined
  crashes: number
  isSettled: boolean
  timer: NodeJS.Timeout | undefined
  waitsUntil: number
  settle(result: { value: unknown; ms: number } | Error): void
}

export type Scheduler = ReturnType<typeof openPool>

/**
 * Gives pieces to the worker processes, by priority, and round-robin between workspaces and their deployments. Users'
 * acoustic models run in separate workers at a lower processor priority until they are proven, so that a bad model
 * cannot take the shared workers. `suspected` receives each deployment whose model blocks or ends workers.
 */
export function openPool(config: { workers: number; memoryMb: number }, log: Log, suspected: (suspicion: Suspicion) => void = () => {}) {
  const suspects = new Quarantine((suspicion) => {
    log.warn(suspicion, 'the acoustic model of a deployment blocks or ends recognizers')
    suspected(suspicion)
  })
  const unused = new UnusedFiles(() => dispatch())
  let isClosed = false

  const openLane = (most: number, nice = 0): Lane => ({
    workers: new WorkerPool({ workers: most, memoryMb: (config.memoryMb * most) / config.workers, nice }, unused, log, () => dispatch()),
    most,
    queues: { FINAL: new FairQueue(), SPECULATIVE: new FairQueue(), JOB: new FairQueue() },
  })
  const shared = openLane(config.workers)
  const apart = openLane(Math.max(1, Math.floor(config.workers / 2)), jobNice)
  const lanes = [shared, apart]
  let endingIdle: NodeJS.Timeout | undefined

  const isWaiting = ({ queues }: Lane) => queues.FINAL.size + queues.SPECULATIVE.size > 0

  const dispatch = () => {
    for (const lane of lanes) while (!isClosed && giveNext(lane));
    if (isClosed) return
    for (const { workers } of lanes) workers.evict()
    hypotheses.grant()
    shared.workers.prepare()
  }

  /** False if no piece fits or no worker is free. */
  const giveNext = ({ workers, most, queues }: Lane): boolean => {
    let worker: Worker | undefined
    const fits = ({ modelId }: WaitingPiece) => {
      worker ??= workers.choose(modelId)
      return worker !== undefined
    }
    // A job leaves one of several workers to the next client.
    const isLeft = workers.idle > Math.min(1, most - 1)
    const piece = queues.FINAL.take(fits) ?? queues.SPECULATIVE.take(fits) ?? (isLeft ? queues.JOB.take(fits) : undefined)
    if (!piece || !worker) return false
    give(workers, worker, piece)
    return true
  }

  /** The number of workers that are free for hypotheses. */
  const idle = () => (isWaiting(shared) ? 0 : shared.workers.idle)
  const hypotheses = new HypothesisScheduler(config.workers, idle)
  /** True if a guess would begin at once, or after hypotheses only. */
  const mayGuess = (request: Pick<StreamRequest, 'deploymentId' | 'model'>) => {
    const { queues, workers } = laneOf(request) ?? apart
    return queues.FINAL.size + queues.SPECULATIVE.size < workers.idle + (workers === shared.workers ? hypotheses.busy : 0)
  }

  const give = (from: WorkerPool, worker: Worker, piece: WaitingPiece) => {
    clearTimeout(piece.timer)
    const { task } = piece
    const isSuspect = isOfUser(task)
    if (from === apart.workers) {
      clearTimeout(endingIdle)
      endingIdle = setTimeout(() => from.dismissIdle(), suspectsIdleMs + piece.timeoutMs).unref()
    }
    let isOverdue = false
    from.give(worker, {
      task,
      timeoutMs: piece.timeoutMs,
      begun: (beginning) => void (piece.isSettled || piece.begun?.(beginning)),
      ...(isSuspect && {
        overdue: {
          ms: overdueMs(task),
          passed() {
            // An isolated model can be slow; it is blamed at the timeout.
            if (suspects.standing(piece) === 'ISOLATED') return
            isOverdue = true
            blame(piece, 'it took far longer than the length of the audio')
          },
        },
      }),
      replied(reply, ms) {
        if (isSuspect && reply.ok && !isOverdue) suspects.praise(piece)
        piece.spent?.(ms)
        if (reply.ok) piece.settle({ value: reply.value, ms })
        else piece.settle(reply.problem === 'MODEL_UNUSABLE' ? new ModelUnusableError(reply.message) : new Error(reply.message))
      },
      lost(reason, wasStarted) {
        // SIGKILL comes from outside the process, so the model is not at fault.
        if (isSuspect && !isOverdue && wasStarted && !isClosed && reason !== 'SIGKILL') blame(piece, `it ended its recognizer (${reason})`)
        tryAgain(piece, reason, wasStarted)
      },
    })
  }

  /** Records a fault of the deployment and queues its other pieces by its new standing. */
  const blame = (piece: WaitingPiece, reason: string) => {
    suspects.blame(piece, reason)
    for (const { queues } of lanes) for (const queue of Object.values(queues)) for (const other of queue.removeAll(piece)) queueUp(other)
  }

  /** The lane for the standing of the deployment; undefined if it is refused. */
  const laneOf = ({ deploymentId, model }: { deploymentId?: string | undefined; model?: RecognizerModel }): Lane | undefined => {
    if (!model?.isCustom) return shared
    const standing = suspects.standing({ deploymentId, modelId: model.id })
    return standing === 'REFUSED' ? undefined : standing === 'PROVEN' ? shared : apart
  }

  const laneOfPiece = ({ deploymentId, task }: Piece) => laneOf({ deploymentId, ...('model' in task && { model: task.model }) })

  /** Queues a piece in its lane, or refuses it. */
  const queueUp = (piece: WaitingPiece, isFirst = false) => {
    const { priority } = piece
    piece.lane = laneOfPiece(piece)
    if (!piece.lane || priority === 'INTERIM') {
      // The caller must receive its ticket first.
      queueMicrotask(() => piece.settle(new ModelUnusableError(refusal(suspects.refusedUntil(piece)))))
      return
    }
    const queue = piece.lane.queues[priority]
    if (isFirst) queue.pushFirst(piece, piece)
    else queue.push(piece, piece)
  }

  const tryAgain = (piece: WaitingPiece, reason: string, wasStarted: boolean) => {
    if (wasStarted) piece.crashes++
    // The piece is not at fault if the process did not start.
    const isRetryable = !wasStarted || (piece.task.kind === 'DECODE' && piece.crashes < maxCrashes)
    if (isClosed || !isRetryable || piece.isSettled || piece.priority === 'INTERIM') {
      return piece.settle(isClosed ? closing() : new RecognizerCrashedError(`The recognizer failed (${reason}). Try again.`))
    }
    limitWait(piece, wasStarted)
    queueUp(piece, true)
  }

  const leave = (piece: WaitingPiece) => piece.priority !== 'INTERIM' && (piece.lane?.queues[piece.priority].remove(piece, piece) ?? false)

  const limitWait = (piece: WaitingPiece, isNew: boolean) => {
    clearTimeout(piece.timer)
    if (piece.priority === 'JOB') return
    if (isNew) piece.waitsUntil = performance.now() + maxWaitMs
    const late = () => new RecognizersBusyError('No recognizer was free for this recording in time. Try again in a moment.')
    piece.timer = setTimeout(() => leave(piece) && piece.settle(late()), piece.waitsUntil - performance.now())
  }

  function submit<K extends WorkerTask['kind']>(
    wanted: Piece & { task: { kind: K } },
    settled: (result: { value: Value<K>; ms: number } | Error) => void,
  ): Ticket {
    const piece: WaitingPiece = {
      ...wanted,
      lane: undefined,
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
      const lane = laneOfPiece(piece)
      const isFree = lane === shared ? idle() > 0 : lane && !isWaiting(lane)
      const worker = isFree ? lane?.workers.choose(piece.modelId) : undefined
      if (lane && worker) give(lane.workers, worker, piece)
      else queueMicrotask(() => piece.settle(new RecognizersBusyError('All recognizers are busy. Try again in a moment.')))
    } else {
      limitWait(piece, true)
      queueUp(piece)
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
        if (waited) queueUp(piece)
        dispatch()
      },
    }
  }

  return {
    submit,
    hypotheses,
    mayGuess,
    unused,
    /** True if a shared worker is busy, and therefore alive. */
    isBusy: () => shared.workers.idle < config.workers,
    usage: () => ({
      waiting: lanes.flatMap(({ queues }) => Object.values(queues)).reduce((sum, { size }) => sum + size, 0),
      ...joinUsages(shared.workers.usage(), apart.workers.usage()),
      suspects: suspects.usage(),
    }),
    async close() {
      isClosed = true
      clearTimeout(endingIdle)
      for (const { queues } of lanes) for (const queue of Object.values(queues)) for (const piece of queue.clear()) piece.settle(closing())
      await Promise.all(lanes.map(({ workers }) => workers.close()))
    },
  }
}

export const closing = () => new RecognizerCrashedError('The server is shutting down. Try again in a moment.')
