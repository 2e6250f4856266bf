import { FairQueue } from './queue.ts'
import { type Patience, RecognizersBusyError, type StreamRequest } from './recognizer.ts'

/** What a second of speech costs a worker before it was measured, in seconds; beam search takes three times as much. */
const guessedCost = 0.1
const beamFactor = 3
/** No stream is taken to be free, whatever was measured. */
const leastCost = 0.02
/** The part of the workers' time that may be promised: what is left takes up bursts. */
const promised = 0.85
/** Past this load a deployment that has its share already waits for those that have not. */
const contested = 0.75
/** How far the promise is stretched for a deployment that has no stream at all, so that long streams do not shut it out. */
const stretched = 1.15
/** Deployments that asked for a stream within this time count as wanting a share. */
const memoryMs = 10 * 60_000
const mostRemembered = 1000
/** How much one more measurement moves the estimate. */
const weight = 0.1
/** Streams that may wait, for each worker: more would hardly get in before their patience ends. */
const mostWaitingPerWorker = 8

interface Asked {
  deploymentId: string
  kind: string
  cost: number
}

interface Applicant extends Asked {
  admitted(place: Place): void
  refused(error: unknown): void
}

/** What an admitted stream holds until it leaves. */
export interface Place {
  /** Tells what decoding a phrase of so much audio took, in milliseconds. */
  measured(audioMs: number, ms: number): void
  leave(): void
}

/**
 * Decides by measured cost whether one more stream has room: what decoding a second of its speech takes
 * a worker, as if everybody spoke all the time. Most people pause, so the promise is kept. The cost is time
 * on the clock, not of the processor: on a machine that is busy with other things, fewer streams are kept in
 * good time. Whoever finds no room waits, the deployments in turn; a stream that lost its place through no
 * fault of its own gets it back at once.
 */
export class Admission {
  readonly #capacity: number
  readonly #mostWaiting: number
  readonly #costs = new Map<string, number>()
  /** When each deployment last asked, the longest ago first. */
  readonly #asked = new Map<string, number>()
  readonly #open = new Map<string, { streams: number; load: number }>()
  readonly #waiting = new FairQueue<Applicant>()
  #load = 0
  #streams = 0

  constructor(workers: number) {
    this.#capacity = workers * promised
    this.#mostWaiting = workers * mostWaitingPerWorker
  }

  /** Resolves with a place, or rejects with {@link RecognizersBusyError} when none is free in time. */
  admit(
    { model, deploymentId, alternatives, phrases }: Pick<StreamRequest, 'model' | 'deploymentId' | 'alternatives' | 'phrases'>,
    { waitMs, signal, isResumed = false }: Patience = { waitMs: 0 },
  ): Promise<Place> {
    const isBeam = alternatives > 1 || phrases.length > 0 || model.words !== undefined
    const kind = `${model.encoder}${isBeam ? '+beam' : ''}`
    // What costs more than there is may come in when nobody else is there.
    const cost = Math.min(this.#capacity, this.#costs.get(kind) ?? guessedCost * (isBeam ? beamFactor : 1))
    this.#remember(deploymentId)
    return new Promise((resolved, rejected) => {
      signal?.throwIfAborted()
      if (isResumed) return resolved(this.#take({ deploymentId, kind, cost }))
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abandon)
        this.#waiting.remove(deploymentId, applicant)
      }
      const applicant: Applicant = {
        deploymentId,
        kind,
        cost,
        admitted(place) {
          settle()
          resolved(place)
        },
        refused(error) {
          settle()
          rejected(error)
        },
      }
      const abandon = () => applicant.refused(signal?.reason)
      const timer = setTimeout(() => applicant.refused(this.#explain()), waitMs)
      signal?.addEventListener('abort', abandon, { once: true })
      this.#waiting.push(deploymentId, applicant)
      this.#letIn()
      if (waitMs === 0) applicant.refused(this.#explain())
      // Whoever has most in the line gives way, so that nobody fills it alone.
      if (this.#waiting.size > this.#mostWaiting) this.#waiting.lastOfLongest?.refused(this.#explain())
    })
  }

  /** Refuses all who wait. */
  close(error: Error): void {
    for (const applicant of this.#waiting.clear()) applicant.refused(error)
  }

  #letIn() {
    let full = 0
    // Nobody overtakes those for whom there is no room yet; who has a share already is passed over.
    const applicant = this.#waiting.take((one) => {
      const most = this.#most(one)
      if (most <= full) return false
      if (this.#load + one.cost <= most) return !this.#hasEnough(one)
      if (one.cost < this.#capacity) full = most
      return false
    })
    if (!applicant) return
    applicant.admitted(this.#take(applicant))
    this.#letIn()
  }

  /** The load up to which the applicant may come in. */
  #most({ deploymentId }: Applicant): number {
    if (this.#streams === 0) return Number.POSITIVE_INFINITY
    return this.#capacity * (this.#open.has(deploymentId) ? 1 : stretched)
  }

  #hasEnough({ deploymentId, cost }: Applicant): boolean {
    const own = this.#open.get(deploymentId)
    if (!own || this.#load + cost <= this.#capacity * contested) return false
    const others = new Set([...this.#asked.keys(), ...this.#open.keys()]).size - 1
    return others > 0 && own.load + cost > this.#capacity / (others + 1)
  }

  #take({ deploymentId, kind, cost }: Asked): Place {
    const own = this.#open.get(deploymentId) ?? { streams: 0, load: 0 }
    this.#load += cost
    this.#streams++
    this.#open.set(deploymentId, { streams: own.streams + 1, load: own.load + cost })
    let isOpen = true
    return {
      measured: (audioMs, ms) => {
        // What is shorter says more about the first steps than about a second of speech.
        if (audioMs < 1000) return
        const before = this.#costs.get(kind) ?? cost
        this.#costs.set(kind, Math.max(leastCost, before + weight * (ms / audioMs - before)))
      },
      leave: () => {
        if (!isOpen) return
        isOpen = false
        this.#streams--
        this.#load = this.#streams ? this.#load - cost : 0
        const now = this.#open.get(deploymentId)
        if (!now || now.streams <= 1) this.#open.delete(deploymentId)
        else this.#open.set(deploymentId, { streams: now.streams - 1, load: now.load - cost })
        // A stream that ended by a crash is about to take its place again.
        queueMicrotask(() => this.#letIn())
      },
    }
  }

  #remember(deploymentId: string) {
    const now = performance.now()
    this.#asked.delete(deploymentId)
    this.#asked.set(deploymentId, now)
    for (const [id, at] of this.#asked) {
      if (now - at < memoryMs && this.#asked.size <= mostRemembered) break
      this.#asked.delete(id)
    }
  }

  #explain = () => {
    const waiting = this.#waiting.size > 1 ? `, and ${this.#waiting.size - 1} more wait for one` : ''
    return new RecognizersBusyError(`All ${this.#streams} places for speech are taken${waiting}. Try again in a moment.`)
  }

  usage() {
    const cost = Math.max(leastCost, ...this.#costs.values(), this.#costs.size ? 0 : guessedCost)
    return {
      streams: this.#streams,
      mostStreams: Math.max(1, Math.floor(this.#capacity / cost)),
      streamsWaiting: this.#waiting.size,
      load: this.#load / this.#capacity,
    }
  }
}
