import type { Owner } from './fair-queue.ts'
import { type Waiting, Waitlist } from './waitlist.ts'

export interface SharedSlotsConfig {
  slots: number
  /** Slots that one workspace never has: others find them free, whatever it does. */
  kept: number
  maxWaiting: number
  /** The refusal of a request that found no slot in time; `own` are the slots that its workspace has. */
  refusal(own: number): Error
}

/**
 * A number of equal slots that workspaces share. A workspace has as many as it asks for, except the kept ones; while
 * others wait, the next free slot goes to the one that has the fewest. What was granted stays granted.
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

  /** Resolves with what gives the slot back, which may be called any number of times. */
  take(owner: Owner, waiting: Waiting): Promise<() => void> {
    return this.#waiting.wait(owner, undefined, waiting)
  }

  /** Takes a slot even if none is free: one that was lost through no fault of its holder. */
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
      // The workspace that has the fewest comes first, and those that have equally many take turns.
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
