import { FairQueue, type Owner } from '../capacity/fair-queue.ts'

/** The right to decode one hypothesis, until `end` is called. */
export interface HypothesisSlot {
  /** A worker has started to decode the hypothesis. */
  begin(): void
  /** Returns the slot, or withdraws the request for it. */
  end(): void
}

interface WaitingHypothesis {
  granted(): void
}

/**
 * Hypotheses are optional, so idle workers decode them. Phrases without a shown hypothesis come first, and the others
 * leave one worker free.
 */
export class HypothesisScheduler {
  readonly #most: number
  readonly #idle: () => number
  readonly #first = new FairQueue<WaitingHypothesis>()
  readonly #more = new FairQueue<WaitingHypothesis>()
  #taken = 0
  /** Slots that were granted but not begun; a worker is reserved for each. */
  #promised = 0

  /** `idle` returns the number of workers without other work. */
  constructor(workers: number, idle: () => number) {
    this.#most = workers
    this.#idle = idle
  }

  /** The number of workers that decode a hypothesis. */
  get busy(): number {
    return this.#taken - this.#promised
  }

  /** `granted` is called when the slot is free, possibly at once. */
  ask(owner: Owner, isFirst: boolean, granted: () => void): HypothesisSlot {
    const queue = isFirst ? this.#first : this.#more
    let state: 'WAITING' | 'GRANTED' | 'BEGUN' | 'ENDED' = 'WAITING'
    const waiting: WaitingHypothesis = {
      granted() {
        state = 'GRANTED'
        granted()
      },
    }
    queue.push(owner, waiting)
    this.grant()
    return {
      begin: () => {
        if (state !== 'GRANTED') return
        state = 'BEGUN'
        this.#promised--
      },
      end: () => {
        if (state === 'WAITING') queue.remove(owner, waiting)
        if (state === 'GRANTED') this.#promised--
        if (state === 'GRANTED' || state === 'BEGUN') this.#taken--
        state = 'ENDED'
        this.grant()
      },
    }
  }

  /** Grants as many slots as workers are idle. */
  grant(): void {
    const hasSlot = (isFirst: boolean) => this.#idle() > this.#promised && this.#taken < (isFirst ? this.#most : Math.max(1, this.#most - 1))
    const next = (hasSlot(true) && this.#first.take()) || (hasSlot(false) && this.#more.take())
    if (!next) return
    this.#taken++
    this.#promised++
    next.granted()
    this.grant()
  }
}
