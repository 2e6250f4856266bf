import { FairQueue } from './queue.ts'

/** A right to decode one hypothesis; it counts until it is ended. */
export interface DecodingTurn {
  /** Nothing more is decoded with it; one that was not given yet is not given. */
  end(): void
}

interface Waiting {
  given(): void
}

/**
 * Hypotheses are nice to have, so they are decoded when nothing else is to be done, and it is decided here
 * whose comes next: a phrase of which nothing is shown yet before those of which something is. The latter
 * leave one worker to others.
 */
export class Turns {
  readonly #most: number
  readonly #isFree: () => boolean
  readonly #first = new FairQueue<Waiting>()
  readonly #more = new FairQueue<Waiting>()
  #taken = 0

  /** `isFree` tells whether a worker has nothing else to do. */
  constructor(workers: number, isFree: () => boolean) {
    this.#most = workers
    this.#isFree = isFree
  }

  /** `given` is called when the turn has come, perhaps at once. */
  ask(owner: string, isFirst: boolean, given: () => void): DecodingTurn {
    const queue = isFirst ? this.#first : this.#more
    let state: 'WAITING' | 'GIVEN' | 'ENDED' = 'WAITING'
    const waiting: Waiting = {
      given() {
        state = 'GIVEN'
        given()
      },
    }
    queue.push(owner, waiting)
    this.give()
    return {
      end: () => {
        if (state === 'WAITING') queue.remove(owner, waiting)
        if (state === 'GIVEN') this.#taken--
        state = 'ENDED'
        this.give()
      },
    }
  }

  /** Gives the next turns, as far as there is room for them. */
  give(): void {
    const room = (isFirst: boolean) => this.#isFree() && this.#taken < (isFirst ? this.#most : Math.max(1, this.#most - 1))
    const next = (room(true) && this.#first.take()) || (room(false) && this.#more.take())
    if (!next) return
    this.#taken++
    next.given()
    this.give()
  }
}
