import type { Place } from './admission.ts'
import { FairQueue } from './queue.ts'
import { type Patience, RecognizersBusyError, type StreamRequest } from './recognizer.ts'

/** Streams that may wait, for each reserved one. */
const maxWaitingPerPlace = 32

interface Applicant {
  admitted(place: Place): void
  refused(error: unknown): void
}

/**
 * Capacity that is kept for the calls by which provisioning proves an endpoint: one stream for each worker. However
 * many clients there are, a deployment becomes Complete; and however many deployments there are, clients lose no more
 * than this. The deployments take turns.
 */
export class ReservedCapacity {
  readonly #max: number
  readonly #waiting = new FairQueue<Applicant>()
  #taken = 0

  constructor(workers: number) {
    this.#max = workers
  }

  get taken(): number {
    return this.#taken
  }

  /** Resolves with a place, or rejects with {@link RecognizersBusyError} when none is free in time. */
  admit({ deploymentId }: Pick<StreamRequest, 'deploymentId'>, { waitMs, signal, isResumed = false }: Patience): Promise<Place> {
    return new Promise((admitted, refused) => {
      signal?.throwIfAborted()
      // A stream that lost its place by a crash gets it back at once.
      if (isResumed || this.#taken < this.#max) return admitted(this.#take())
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abandon)
        this.#waiting.remove(deploymentId, applicant)
      }
      const applicant: Applicant = {
        admitted(place) {
          settle()
          admitted(place)
        },
        refused(error) {
          settle()
          refused(error)
        },
      }
      const abandon = () => applicant.refused(signal?.reason)
      const timer = setTimeout(() => applicant.refused(this.#explain()), waitMs)
      signal?.addEventListener('abort', abandon, { once: true })
      this.#waiting.push(deploymentId, applicant)
      if (this.#waiting.size > this.#max * maxWaitingPerPlace) this.#waiting.lastOfLongest?.refused(this.#explain())
    })
  }

  /** Refuses all that wait. */
  close(error: Error): void {
    for (const applicant of this.#waiting.clear()) applicant.refused(error)
  }

  #take(): Place {
    this.#taken++
    let isOpen = true
    return {
      // The reference recording is too short to say what speech costs.
      measured() {},
      leave: () => {
        if (!isOpen) return
        isOpen = false
        this.#taken--
        if (this.#taken < this.#max) this.#waiting.take()?.admitted(this.#take())
      },
    }
  }

  #explain = () => new RecognizersBusyError('The capacity for provisioning is taken. Try again in a moment.')
}
