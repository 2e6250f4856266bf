import { SharedSlots } from '../capacity/shared-slots.ts'
import type { StreamSlot } from './admission-control.ts'
import { RecognizersBusyError } from './recognizer-errors.ts'
import type { StreamRequest, WaitOptions } from './recognizer-stream.ts'

/** Streams that may wait, for each reserved one. */
const maxWaitingPerSlot = 32

/**
 * Capacity that is kept for the calls by which provisioning proves an endpoint: one stream for each worker. However
 * many clients there are, a deployment becomes Complete; and however many deployments there are, clients lose no more
 * than this. The workspaces take turns, and in each its deployments.
 */
export class ReservedCapacity {
  readonly #slots: SharedSlots

  constructor(workers: number) {
    const refusal = () => new RecognizersBusyError('The capacity for provisioning is taken. Try again in a moment.')
    this.#slots = new SharedSlots({ slots: workers, kept: 0, maxWaiting: workers * maxWaitingPerSlot, refusal })
  }

  get taken(): number {
    return this.#slots.taken
  }

  /** Resolves with a place, or rejects with {@link RecognizersBusyError} when none is free in time. */
  async admit(owner: Pick<StreamRequest, 'workspaceId' | 'deploymentId'>, waiting: WaitOptions): Promise<StreamSlot> {
    // A stream that lost its place by a crash gets it back at once.
    const leave = waiting.isResumed ? this.#slots.retake(owner) : await this.#slots.take(owner, waiting)
    // The reference recording is too short to say what speech costs.
    return { measured() {}, leave }
  }

  /** Refuses all that wait. */
  close(error: Error): void {
    this.#slots.close(error)
  }
}
