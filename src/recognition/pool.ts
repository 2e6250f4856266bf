import type { Log } from '../log.ts'
import { FairQueue } from './queue.ts'
import { ModelUnusableError, RecognizerCrashedError, RecognizersBusyError } from './recognizer.ts'
import { Turns } from './turns.ts'
import type { WorkerReply, WorkerTask } from './worker.ts'
import { type Worker, Workers } from './workers.ts'

/** Whoever has waited for a worker this long is told to come back. */
const longestWaitMs = 30_000
/** A piece that has ended this many workers is given up: it would end the next one, too. */
const mostCrashes = 3

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

/** Gives pieces of work to the worker processes, by urgency and in turn between deployments. */
export function openPool(config: { workers: number; memoryMb: number }, log: Log) {
  const queues = { FINAL: new FairQueue<Waiting>(), SPECULATIVE: new FairQueue<Waiting>() }
  const waiting = () => queues.FINAL.size + queues.SPECULATIVE.size
  let isClosed = false

  const dispatch = () => {
    while (!isClosed && waiting() > 0) {
      const queue = queues.FINAL.size ? queues.FINAL : queues.SPECULATIVE
      let worker: Worker | undefined
      const piece = queue.take(({ modelId }) => {
        worker ??= workers.choose(modelId)
        return worker !== undefined
      })
      if (!piece || !worker) return
      give(worker, piece)
    }
    if (isClosed) return
    turns.give()
    workers.prepare()
  }

  const workers = new Workers(config, log, dispatch)

  /** Workers that would begin at once with what nobody waits for. */
  const idle = () => (waiting() === 0 ? workers.idle : 0)
  /** Whether a guess would be begun before anything but hypotheses is in its way. */
  const mayGuess = () => waiting() < workers.idle + turns.atWork
  const turns = new Turns(config.workers, idle)

  const give = (worker: Worker, piece: Waiting) => {
    clearTimeout(piece.timer)
    workers.give(worker, {
      task: piece.task,
      patienceMs: piece.patienceMs,
      begun: (beginning) => void (piece.isSettled || piece.begun?.(beginning)),
      replied(reply, ms) {
        piece.spent?.(ms)
        if (reply.ok) piece.settle({ value: reply.value, ms })
        else piece.settle(reply.problem === 'MODEL_UNUSABLE' ? new ModelUnusableError(reply.message) : new Error(reply.message))
      },
      lost: (reason, wasStarted) => tryAgain(piece, reason, wasStarted),
    })
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
    queues[piece.priority].pushFirst(piece.deploymentId, piece)
  }

  const leave = (piece: Waiting) => piece.priority !== 'INTERIM' && queues[piece.priority].remove(piece.deploymentId, piece)

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
      const worker = idle() > 0 ? workers.choose(piece.modelId) : undefined
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
    mayGuess,
    usage: () => ({ waiting: waiting(), ...workers.usage() }),
    async close() {
      isClosed = true
      for (const piece of [...queues.FINAL.clear(), ...queues.SPECULATIVE.clear()]) piece.settle(closing())
      await workers.close()
    },
  }
}

export const closing = () => new RecognizerCrashedError('The recognizers are closing.')
