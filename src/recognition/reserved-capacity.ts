import { SharedSlots } from '../capacity/shared-slots.ts'
import type { StreamSlot } from './admission-control.ts'
import { RecognizersBusyError } from './recognizer-errors.ts'
import type { StreamRequest, WaitOptions } from './recognizer-stream.ts'

/** The most waiting streams for each reserved slot. */
const maxWaitingPerSlot = 32

/**
 * Capacity for the calls by which provisioning verifies an endpoint: one stream for each worker. Deployments become
 * Complete under any load of clients, and provisioning takes no more than this capacity from
 * clients. Workspaces are served round-robin, and so are the deployments of each.
 */
export class ReservedCapacity {
  readonly #slots: SharedSlots

  constructor(workers: number) {
    const refusal = () => new RecognizersBusyError('All capacity for provisioning is in use. Try again in a moment.')
    this.#slots = new SharedSlots({ slots: workers, kept: 0, maxWaiting: workers * maxWaitingPerSlot, refusal })
  }

  get taken(): number {
    return this.#slots.taken
  }

  /** Resolves with a slot, or rejects with a {@link RecognizersBusyError} if none is free in time. */
  async admit(owner: Pick<StreamRequest, 'workspaceId' | 'deploymentId'>, waiting: WaitOptions): Promise<StreamSlot> {
    // A stream that lost its slot to a crash gets the slot back at once.
    const leave = waiting.isResumed ? this.#slots.retake(owner) : await this.#slots.take(owner, waiting)
    // The reference recording is too short to measure the cost of speech.
    return { measured() {}, leave }
  }

  /** Refuses all waiting streams. */
  close(error: Error): void {
    this.#slots.close(error)
  }
}
