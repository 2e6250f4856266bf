import { FairQueue, type Owner } from '../capacity/fair-queue.ts'

/** A right to decode one hypothesis; it counts until it is ended. */
export interface HypothesisSlot {
  /** A worker is at work on it by now. */
  begin(): void
  /** Nothing more is decoded with it; one that was not given yet is not given. */
  end(): void
}

interface WaitingHypothesis {
  given(): void
}

/**
 * Hypotheses are nice to have, so they are decoded when nothing else is to be done, and it is decided here
 * whose comes next: a phrase of which nothing is shown yet before those of which something is. The latter
 * leave one worker to others.
 */
export class HypothesisScheduler {
  readonly #most: number
  readonly #idle: () => number
  readonly #first = new FairQueue<WaitingHypothesis>()
  readonly #more = new FairQueue<WaitingHypothesis>()
  #taken = 0
  /** Given, but not begun: a worker is kept for each. */
  #promised = 0

  /** `idle` tells how many workers have nothing else to do. */
  constructor(workers: number, idle: () => number) {
    this.#most = workers
    this.#idle = idle
  }

  /** Workers that decode a hypothesis at the moment. */
  get atWork(): number {
    return this.#taken - this.#promised
  }

  /** `given` is called when the turn has come, perhaps at once. */
  ask(owner: Owner, isFirst: boolean, given: () => void): HypothesisSlot {
    const queue = isFirst ? this.#first : this.#more
    let state: 'WAITING' | 'GIVEN' | 'BEGUN' | 'ENDED' = 'WAITING'
    const waiting: WaitingHypothesis = {
      given() {
        state = 'GIVEN'
        given()
      },
    }
    queue.push(owner, waiting)
    this.give()
    return {
      begin: () => {
        if (state !== 'GIVEN') return
        state = 'BEGUN'
        this.#promised--
      },
      end: () => {
        if (state === 'WAITING') queue.remove(owner, waiting)
        if (state === 'GIVEN') this.#promised--
        if (state === 'GIVEN' || state === 'BEGUN') this.#taken--
        state = 'ENDED'
        this.give()
      },
    }
  }

  /** Gives the next turns, as far as there is room for them. */
  give(): void {
    const room = (isFirst: boolean) => this.#idle() > this.#promised && this.#taken < (isFirst ? this.#most : Math.max(1, this.#most - 1))
    const next = (room(true) && this.#first.take()) || (room(false) && this.#more.take())
    if (!next) return
    this.#taken++
    this.#promised++
    next.given()
    this.give()
  }
}
