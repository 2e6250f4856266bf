import type { Log } from '../log.ts'
import { FairQueue } from './queue.ts'
import { ModelUnusableError, RecognizerCrashedError, RecognizersBusyError } from './recognizer.ts'
import { isOfUser, overdueMs, refusal, Suspects, type Suspicion } from './suspects.ts'
import { Turns } from './turns.ts'
import type { WorkerReply, WorkerTask } from './worker.ts'
import { type Worker, Workers } from './workers.ts'

/** Whoever has waited for a worker this long is told to come back. */
const longestWaitMs = 30_000
/** A piece that has ended this many workers is given up: it would end the next one, too. */
const mostCrashes = 3
/** A recognizer of its own ends when no isolated deployment has needed it for so long. */
const isolationIdleMs = 60_000

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
  /** Told what a worker needed for it, also when nobody wants the result any more. */
  spent?(ms: number): void
  /** Receives growing beginnings of the text while it is decoded, where the task asks for them; after a crash they begin anew. */
  begun?(beginning: string): void
}

export type Value<K extends WorkerTask['kind']> = Extract<WorkerReply, { ok: true; kind: K }>['value']

interface Waiting extends Piece {
  /** It waits for the recognizer that isolated deployments share. */
  isIsolated: boolean
  crashes: number
  isSettled: boolean
  timer: NodeJS.Timeout | undefined
  waitsUntil: number
  settle(result: { value: unknown; ms: number } | Error): void
}

export interface Ticket {
  /** Nobody wants the result any more; a piece at work is finished, unheard. */
  cancel(): void
  /** Somebody waits for it now. */
  promote(): void
}

export type Pool = ReturnType<typeof openPool>

/**
 * Gives pieces of work to the worker processes, by urgency and in turn between deployments. A deployment whose
 * own acoustic model holds up or ends workers is taken out of their way; `suspected` is told of it.
 */
export function openPool(config: { workers: number; memoryMb: number }, log: Log, suspected: (suspicion: Suspicion) => void = () => {}) {
  const queues = { FINAL: new FairQueue<Waiting>(), SPECULATIVE: new FairQueue<Waiting>() }
  const isolated = new FairQueue<Waiting>()
  const suspects = new Suspects((suspicion) => {
    log.warn(suspicion, 'the acoustic model of a deployment holds up or ends recognizers')
    suspected(suspicion)
  })
  /** Workers that have a piece of a new model in their hands, by deployment. */
  const newAtWork = new Map<string, number>()
  const waiting = () => queues.FINAL.size + queues.SPECULATIVE.size
  let isClosed = false

  const dispatch = () => {
    while (!isClosed) {
      let worker: Worker | undefined
      const fits = (candidate: Waiting) => {
        if (!mayBegin(candidate)) return false
        worker ??= workers.choose(candidate.modelId)
        return worker !== undefined
      }
      const piece = queues.FINAL.take(fits) ?? queues.SPECULATIVE.take(fits)
      if (!piece || !worker) break
      give(workers, worker, piece)
    }
    if (isClosed) return
    dispatchIsolated()
    turns.give()
    workers.prepare()
  }

  const workers = new Workers(config, log, dispatch)
  /** One worker, which the isolated deployments share among themselves. */
  const ownWorker = new Workers({ workers: 1, memoryMb: config.memoryMb / config.workers }, log, dispatch)
  let endingOwn: NodeJS.Timeout | undefined

  const dispatchIsolated = () => {
    if (!isolated.size) return
    const worker = ownWorker.choose('')
    const piece = worker && isolated.take()
    if (!worker || !piece) return
    give(ownWorker, worker, piece)
  }

  /** A new model never has all workers at once, so that those of others go on whatever it does. */
  const mayBegin = ({ deploymentId, task }: Piece) => {
    if (!isOfUser(task) || suspects.standing(deploymentId) === 'PROVEN') return true
    return (newAtWork.get(deploymentId) ?? 0) < Math.max(1, config.workers - 1)
  }

  /** Workers that would begin at once with what nobody waits for. */
  const idle = () => (waiting() === 0 ? workers.idle : 0)
  /** Whether a guess would be begun before anything but hypotheses is in its way. */
  const mayGuess = () => waiting() < workers.idle + turns.atWork
  const turns = new Turns(config.workers, idle)

  const give = (from: Workers, worker: Worker, piece: Waiting) => {
    clearTimeout(piece.timer)
    const { deploymentId, task } = piece
    const isSuspect = isOfUser(task)
    if (from === ownWorker) {
      clearTimeout(endingOwn)
      endingOwn = setTimeout(() => ownWorker.dismissIdle(), isolationIdleMs + piece.patienceMs).unref()
    }
    if (isSuspect && from === workers) newAtWork.set(deploymentId, (newAtWork.get(deploymentId) ?? 0) + 1)
    let isOverdue = false
    const done = () => {
      if (!isSuspect || from !== workers) return
      const left = (newAtWork.get(deploymentId) ?? 1) - 1
      if (left > 0) newAtWork.set(deploymentId, left)
      else newAtWork.delete(deploymentId)
    }
    from.give(worker, {
      task,
      patienceMs: piece.patienceMs,
      begun: (beginning) => void (piece.isSettled || piece.begun?.(beginning)),
      ...(isSuspect &&
        from === workers && {
          overdue: {
            ms: overdueMs(task),
            passed() {
              isOverdue = true
              blame(piece, 'it took far longer than the audio explains')
            },
          },
        }),
      replied(reply, ms) {
        done()
        if (isSuspect && reply.ok && !isOverdue) suspects.praise(deploymentId)
        piece.spent?.(ms)
        if (reply.ok) piece.settle({ value: reply.value, ms })
        else piece.settle(reply.problem === 'MODEL_UNUSABLE' ? new ModelUnusableError(reply.message) : new Error(reply.message))
      },
      lost(reason, wasStarted) {
        done()
        // Whoever ends a worker from outside, by SIGKILL, says nothing of the model.
        if (isSuspect && !isOverdue && wasStarted && !isClosed && reason !== 'SIGKILL') blame(piece, `it ended its recognizer (${reason})`)
        tryAgain(piece, reason, wasStarted)
      },
    })
  }

  /** Holds it against the deployment, and takes what else waits for the same model out of the others' way. */
  const blame = ({ deploymentId }: Piece, reason: string) => {
    suspects.blame(deploymentId, reason)
    for (const queue of [...Object.values(queues), isolated]) {
      for (const piece of queue.removeAll(deploymentId)) queueUp(piece)
    }
  }

  /** The workers that may have the piece, by its deployment's standing; undefined when none may. */
  const workersFor = ({ deploymentId, task }: Piece): Workers | undefined => {
    const standing = isOfUser(task) ? suspects.standing(deploymentId) : 'PROVEN'
    if (standing === 'REFUSED') return undefined
    return standing === 'ISOLATED' || (standing === 'NEW' && config.workers === 1) ? ownWorker : workers
  }

  /** Puts a piece into the queue of the workers that may have it, or refuses it. */
  const queueUp = (piece: Waiting, isFirst = false) => {
    const { deploymentId, priority } = piece
    const from = workersFor(piece)
    if (!from || priority === 'INTERIM') {
      // Never before the caller holds its ticket.
      queueMicrotask(() => piece.settle(new ModelUnusableError(refusal(suspects.refusedUntil(deploymentId)))))
      return
    }
    piece.isIsolated = from === ownWorker
    const queue = piece.isIsolated ? isolated : queues[priority]
    if (isFirst) queue.pushFirst(deploymentId, piece)
    else queue.push(deploymentId, piece)
  }

  const tryAgain = (piece: Waiting, reason: string, wasStarted: boolean) => {
    if (wasStarted) piece.crashes++
    // A process that could not even be started says nothing of the piece.
    const isWorthIt = !wasStarted || (piece.task.kind === 'DECODE' && piece.crashes < mostCrashes)
    // What nobody waits for any more is not tried again.
    if (isClosed || !isWorthIt || piece.isSettled || piece.priority === 'INTERIM') {
      return piece.settle(isClosed ? closing() : new RecognizerCrashedError(`The recognizer ended while it was at work (${reason}). Try again.`))
    }
    limitWait(piece, wasStarted)
    queueUp(piece, true)
  }

  const leave = (piece: Waiting) => piece.priority !== 'INTERIM' && (piece.isIsolated ? isolated : queues[piece.priority]).remove(piece.deploymentId, piece)

  const limitWait = (piece: Waiting, isNew: boolean) => {
    clearTimeout(piece.timer)
    if (isNew) piece.waitsUntil = performance.now() + longestWaitMs
    const late = () => new RecognizersBusyError('The recognizers did not get round to this recording in time. Try again in a moment.')
    piece.timer = setTimeout(() => leave(piece) && piece.settle(late()), piece.waitsUntil - performance.now())
  }

  function submit<K extends WorkerTask['kind']>(
    wanted: Piece & { task: { kind: K } },
    settled: (result: { value: Value<K>; ms: number } | Error) => void,
  ): Ticket {
    const piece: Waiting = {
      ...wanted,
      isIsolated: false,
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
      const from = workersFor(piece)
      const worker = (from === workers ? idle() > 0 && mayBegin(piece) : isolated.size === 0) ? from?.choose(piece.modelId) : undefined
      if (from && worker) give(from, worker, piece)
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
    turns,
    mayGuess,
    usage: () => ({ waiting: waiting() + isolated.size, ...workers.usage(), suspects: suspects.usage() }),
    async close() {
      isClosed = true
      clearTimeout(endingOwn)
      for (const piece of [...queues.FINAL.clear(), ...queues.SPECULATIVE.clear(), ...isolated.clear()]) piece.settle(closing())
      await Promise.all([workers.close(), ownWorker.close()])
    },
  }
}

export const closing = () => new RecognizerCrashedError('The recognizers are closing.')
