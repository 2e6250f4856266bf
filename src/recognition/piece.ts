import type { Owner } from '../capacity/fair-queue.ts'
import type { WorkerReply, WorkerTask } from '../decoding/worker.process.ts'

/**
 * FINAL: somebody waits for it. SPECULATIVE: somebody will, if the speaker does not go on. JOB: a job waits for it, as
 * long as clients leave no worker idle beside it. INTERIM: nice to have, so it is done at once, by a worker that has
 * nothing else to do, or not at all; `Turns` says when.
 */
export type Priority = 'FINAL' | 'SPECULATIVE' | 'JOB' | 'INTERIM'

export interface Piece extends Owner {
  /** Where the model's files are shared, workers that hold them are preferred. */
  modelId: string
  priority: Priority
  task: WorkerTask
  /** A worker that takes longer is taken to hang, and ended. */
  timeoutMs: number
  /** Told what a worker needed for it, also when nobody wants the result any more. */
  spent?(ms: number): void
  /** Receives growing beginnings of the text while it is decoded, where the task asks for them; after a crash they begin anew. */
  begun?(beginning: string): void
}

export type Value<K extends WorkerTask['kind']> = Extract<WorkerReply, { ok: true; kind: K }>['value']

export interface Ticket {
  /** Nobody wants the result any more; a piece at work is finished, unheard. */
  cancel(): void
  /** Somebody waits for it now. */
  promote(): void
}
