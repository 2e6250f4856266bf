import type { Owner } from './fair-queue.ts'
import { type Waiting, Waitlist } from './waitlist.ts'

export interface SharedSlotsConfig {
  slots: number
  /** Slots that a single workspace cannot take, so that others find them free. */
  kept: number
  maxWaiting: number
  /** The error for a request that gets no slot in time; `own` is the number of slots that its workspace holds. */
  refusal(own: number): Error
}

/**
 * A number of equal slots that workspaces share. A workspace gets as many as it requests, except the kept ones. While
 * several wait, the next free slot goes to the workspace that holds the fewest. Granted slots are never revoked.
 */
export class SharedSlots {
  readonly #slots: number
  readonly #maxOwn: number
  readonly #taken = new Map<string, number>()
  readonly #waiting: Waitlist<undefined, () => void>
  #total = 0

  constructor({ slots, kept, maxWaiting, refusal }: SharedSlotsConfig) {
    this.#slots = slots
    this.#maxOwn = Math.max(1, slots - kept)
    this.#waiting = new Waitlist({
      maxWaiting,
      changed: () => this.#grant(),
      refusal: ({ workspaceId }) => refusal(this.#own(workspaceId)),
    })
  }

  get taken(): number {
    return this.#total
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Resolves with the function that returns the slot; further calls of it have no effect. */
  take(owner: Owner, waiting: Waiting): Promise<() => void> {
    return this.#waiting.wait(owner, undefined, waiting)
  }

  /** Takes a slot even if none is free, for a holder that lost its slot to a crash. */
  retake(owner: Owner): () => void {
    return this.#add(owner)
  }

  close(error: Error): void {
    this.#waiting.close(error)
  }

  #own = (workspaceId: string) => this.#taken.get(workspaceId) ?? 0

  #grant(): void {
    const take = (_: undefined, owner: Owner) => this.#add(owner)
    while (this.#total < this.#slots) {
      // The workspaces with the fewest slots come first, among equals round-robin.
      const least = Math.min(...this.#waiting.workspaces.map(this.#own))
      if (least >= this.#maxOwn) return
      this.#waiting.grant((_, { workspaceId }) => this.#own(workspaceId) === least, take)
    }
  }

  #add({ workspaceId }: Owner): () => void {
    const change = (by: 1 | -1) => {
      this.#total += by
      const own = this.#own(workspaceId) + by
      if (own) this.#taken.set(workspaceId, own)
      else this.#taken.delete(workspaceId)
    }
    change(1)
    let isOpen = true
    return () => {
      if (!isOpen) return
      isOpen = false
      change(-1)
      this.#grant()
    }
  }
}
