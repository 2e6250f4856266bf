import type { Owner } from '../capacity/fair-queue.ts'
import type { WorkerReply, WorkerTask } from '../decoding/worker-messages.ts'

/**
 * FINAL: a client waits for the result. SPECULATIVE: a client waits for it if the speaker does not go on. JOB: a job
 * waits for it until clients leave workers idle. INTERIM: a hypothesis, which an idle worker decodes at once or which
 * is refused; the `HypothesisScheduler` decides when.
 */
export type Priority = 'FINAL' | 'SPECULATIVE' | 'JOB' | 'INTERIM'

export interface Piece extends Owner {
  /** Workers that hold this model are preferred. */
  modelId: string
  priority: Priority
  task: WorkerTask
  /** A worker that takes longer counts as hung and is ended. */
  timeoutMs: number
  /** Receives the time that a worker needed, also after the piece was canceled. */
  spent?(ms: number): void
  /** Receives growing beginnings of the text during decoding if the task requests them; after a crash they start again. */
  begun?(beginning: string): void
}

export type Value<K extends WorkerTask['kind']> = Extract<WorkerReply, { ok: true; kind: K }>['value']

export interface Ticket {
  /** Drops the result; a piece that a worker has begun is finished. */
  cancel(): void
  /** Raises SPECULATIVE to FINAL. */
  promote(): void
}
