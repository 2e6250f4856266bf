import { FairQueue } from '../capacity/fair-queue.ts'
import { ModelUnusableError, type RecognizerModel } from '../decoding/recognizer-model.ts'
import type { WorkerTask } from '../decoding/worker.process.ts'
import type { Log } from '../log.ts'
import { jobNice } from '../sandbox/nice.ts'
import { HypothesisScheduler } from './hypothesis-scheduler.ts'
import type { Piece, Priority, Ticket, Value } from './piece.ts'
import { isOfUser, overdueMs, Quarantine, refusal, type Suspicion } from './quarantine.ts'
import { RecognizerCrashedError, RecognizersBusyError } from './recognizer-errors.ts'
import type { StreamRequest } from './recognizer-stream.ts'
import { joinUsages, type Worker, WorkerPool } from './worker-pool.ts'

/** Whoever has waited for a worker this long is told to come back. */
const maxWaitMs = 30_000
/** A piece that has ended this many workers is given up: it would end the next one, too. */
const maxCrashes = 3
/** Workers for suspects end when no suspect has needed them for so long. */
const suspectsIdleMs = 5 * 60_000

/** Workers, and what waits for them. */
interface Lane {
  workers: WorkerPool
  most: number
  queues: Record<Exclude<Priority, 'INTERIM'>, FairQueue<WaitingPiece>>
}

interface WaitingPiece extends Piece {
  /** Where it waits. */
  lane: Lane | undefined
  crashes: number
  isSettled: boolean
  timer: NodeJS.Timeout | undefined
  waitsUntil: number
  settle(result: { value: unknown; ms: number } | Error): void
}

export type Scheduler = ReturnType<typeof openPool>

/**
 * Gives pieces of work to the worker processes, by urgency, and in turn between workspaces and their deployments. Users'
 * acoustic models run in workers apart, at a lower priority of the processor, until they are proven: whatever they do,
 * the others keep their workers. `suspected` is told of a deployment whose model holds up or ends workers.
 */
export function openPool(config: { workers: number; memoryMb: number }, log: Log, suspected: (suspicion: Suspicion) => void = () => {}) {
  const suspects = new Quarantine((suspicion) => {
    log.warn(suspicion, 'the acoustic model of a deployment holds up or ends recognizers')
    suspected(suspicion)
  })
  let isClosed = false

  const openLane = (most: number, nice = 0): Lane => ({
    workers: new WorkerPool({ workers: most, memoryMb: (config.memoryMb * most) / config.workers, nice }, log, () => dispatch()),
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
    hypotheses.give()
    shared.workers.prepare()
  }

  /** False when no piece is left, or no worker. */
  const giveNext = ({ workers, most, queues }: Lane): boolean => {
    let worker: Worker | undefined
    const fits = ({ modelId }: WaitingPiece) => {
      worker ??= workers.choose(modelId)
      return worker !== undefined
    }
    // A job leaves a worker to the next client, where there is more than one.
    const isLeft = workers.idle > Math.min(1, most - 1)
    const piece = queues.FINAL.take(fits) ?? queues.SPECULATIVE.take(fits) ?? (isLeft ? queues.JOB.take(fits) : undefined)
    if (!piece || !worker) return false
    give(workers, worker, piece)
    return true
  }

  /** Workers that would begin at once with what nobody waits for. */
  const idle = () => (isWaiting(shared) ? 0 : shared.workers.idle)
  const hypotheses = new HypothesisScheduler(config.workers, idle)
  /** Whether a guess would be begun before anything but hypotheses is in its way. */
  const mayGuess = (request: Pick<StreamRequest, 'deploymentId' | 'model'>) => {
    const { queues, workers } = laneOf(request) ?? apart
    return queues.FINAL.size + queues.SPECULATIVE.size < workers.idle + (workers === shared.workers ? hypotheses.atWork : 0)
  }

  const give = (from: WorkerPool, worker: Worker, piece: WaitingPiece) => {
    clearTimeout(piece.timer)
    const { deploymentId = '', task } = piece
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
            // One that is isolated already may be slow; it is blamed when its time is over.
            if (suspects.standing(deploymentId) === 'ISOLATED') return
            isOverdue = true
            blame(piece, 'it took far longer than the audio explains')
          },
        },
      }),
      replied(reply, ms) {
        if (isSuspect && reply.ok && !isOverdue) suspects.praise(deploymentId)
        piece.spent?.(ms)
        if (reply.ok) piece.settle({ value: reply.value, ms })
        else piece.settle(reply.problem === 'MODEL_UNUSABLE' ? new ModelUnusableError(reply.message) : new Error(reply.message))
      },
      lost(reason, wasStarted) {
        // Whoever ends a worker from outside, by SIGKILL, says nothing of the model.
        if (isSuspect && !isOverdue && wasStarted && !isClosed && reason !== 'SIGKILL') blame(piece, `it ended its recognizer (${reason})`)
        tryAgain(piece, reason, wasStarted)
      },
    })
  }

  /** Holds it against the deployment, and asks anew where the rest of its pieces may wait. */
  const blame = (piece: WaitingPiece, reason: string) => {
    suspects.blame(piece.deploymentId ?? '', reason)
    for (const { queues } of lanes) for (const queue of Object.values(queues)) for (const other of queue.removeAll(piece)) queueUp(other)
  }

  /** The workers that may have the piece, by its deployment's standing; undefined when none may. */
  const laneOf = ({ deploymentId = '', model }: { deploymentId?: string; model?: RecognizerModel }): Lane | undefined => {
    if (!model?.isCustom) return shared
    const standing = suspects.standing(deploymentId)
    return standing === 'REFUSED' ? undefined : standing === 'PROVEN' ? shared : apart
  }

  const laneOfPiece = ({ deploymentId = '', task }: Piece) => laneOf({ deploymentId, ...(task.kind !== 'PING' && { model: task.model }) })

  /** Puts a piece into the queue of the workers that may have it, or refuses it. */
  const queueUp = (piece: WaitingPiece, isFirst = false) => {
    const { deploymentId = '', priority } = piece
    piece.lane = laneOfPiece(piece)
    if (!piece.lane || priority === 'INTERIM') {
      // Never before the caller holds its ticket.
      queueMicrotask(() => piece.settle(new ModelUnusableError(refusal(suspects.refusedUntil(deploymentId)))))
      return
    }
    const queue = piece.lane.queues[priority]
    if (isFirst) queue.pushFirst(piece, piece)
    else queue.push(piece, piece)
  }

  const tryAgain = (piece: WaitingPiece, reason: string, wasStarted: boolean) => {
    if (wasStarted) piece.crashes++
    // A process that could not even be started says nothing of the piece.
    const isWorthIt = !wasStarted || (piece.task.kind === 'DECODE' && piece.crashes < maxCrashes)
    // What nobody waits for any more is not tried again.
    if (isClosed || !isWorthIt || piece.isSettled || piece.priority === 'INTERIM') {
      return piece.settle(isClosed ? closing() : new RecognizerCrashedError(`The recognizer ended while it was at work (${reason}). Try again.`))
    }
    limitWait(piece, wasStarted)
    queueUp(piece, true)
  }

  const leave = (piece: WaitingPiece) => piece.priority !== 'INTERIM' && (piece.lane?.queues[piece.priority].remove(piece, piece) ?? false)

  const limitWait = (piece: WaitingPiece, isNew: boolean) => {
    clearTimeout(piece.timer)
    if (piece.priority === 'JOB') return
    if (isNew) piece.waitsUntil = performance.now() + maxWaitMs
    const late = () => new RecognizersBusyError('The recognizers did not get round to this recording in time. Try again in a moment.')
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
      else queueMicrotask(() => piece.settle(new RecognizersBusyError('All recognizers are at work.')))
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
    /** Whether one of the shared workers has something to do, and so is alive. */
    isAtWork: () => shared.workers.idle < config.workers,
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

export const closing = () => new RecognizerCrashedError('The recognizers are closing.')
