import type { Owner } from '../capacity/fair-queue.ts'
import { Waitlist } from '../capacity/waitlist.ts'
import { RecognizersBusyError } from './recognizer-errors.ts'
import type { StreamRequest, WaitOptions } from './recognizer-stream.ts'
import { Shares } from './shares.ts'

/** What a second of speech costs a worker before it was measured, in seconds; beam search takes three times as much. */
const guessedCost = 0.1
const beamFactor = 3
/** No stream is taken to be free, whatever was measured. */
const minCost = 0.02
/** The part of the workers' time that may be promised: what is left takes up bursts. */
const promised = 0.85
/** Past this load a workspace or deployment that has its share already waits for those that have not. Jobs never pass it. */
const contested = 0.75
/**
 * How far the promise is stretched for a workspace that has no stream at all, so that long streams do not shut it out,
 * and for such a deployment of a workspace that is alone.
 */
const stretched = { workspace: 1.15, deployment: 1.075 }
/** How much one more measurement moves the estimate. */
const weight = 0.1
/** Streams that may wait, for each worker: more would hardly get in before their patience ends. */
const maxWaitingPerWorker = 8

interface Asked {
  kind: string
  cost: number
}

/** What an admitted stream holds until it leaves. */
export interface StreamSlot {
  /** Tells what decoding a phrase of so much audio took, in milliseconds. */
  measured(audioMs: number, ms: number): void
  leave(): void
}

/**
 * Decides by measured cost whether one more stream has room: what decoding a second of its speech takes
 * a worker, as if everybody spoke all the time. Most people pause, so the promise is kept. The cost is time
 * on the clock, not of the processor: on a machine that is busy with other things, fewer streams are kept in
 * good time. Streams that find no room wait, the workspaces in turn, and the recordings of jobs behind all of them; a
 * stream that lost its place through no fault of its own gets it back at once.
 */
export class AdmissionControl {
  readonly #capacity: number
  readonly #costs = new Map<string, number>()
  readonly #shares = new Shares()
  readonly #clients: Waitlist<Asked, StreamSlot>
  readonly #jobs: Waitlist<Asked, StreamSlot>
  readonly #held = { streams: 0, load: 0 }
  readonly #heldByJobs = { streams: 0, load: 0 }

  constructor(workers: number) {
    this.#capacity = workers * promised
    const config = { changed: () => this.#letIn(), refusal: () => this.#explain() }
    this.#clients = new Waitlist({ ...config, maxWaiting: workers * maxWaitingPerWorker })
    this.#jobs = new Waitlist({ ...config, maxWaiting: Number.POSITIVE_INFINITY })
  }

  /** Resolves with a place, or rejects with {@link RecognizersBusyError} when none is free in time. */
  async admit(
    request: Pick<StreamRequest, 'model' | 'workspaceId' | 'deploymentId' | 'alternatives' | 'phrases' | 'isOfJob'>,
    { isResumed = false, ...waiting }: WaitOptions = { waitMs: 0 },
  ): Promise<StreamSlot> {
    const { model, workspaceId, deploymentId, alternatives, phrases, isOfJob = false } = request
    const owner = { workspaceId, deploymentId }
    const isBeam = alternatives > 1 || phrases.length > 0 || model.words !== undefined
    const kind = `${model.encoder}${isBeam ? '+beam' : ''}`
    // What costs more than there is may come in when nobody else is there.
    const cost = Math.min(this.#capacity, this.#costs.get(kind) ?? guessedCost * (isBeam ? beamFactor : 1))
    if (isOfJob) return this.#jobs.wait(owner, { kind, cost }, waiting)
    this.#shares.note(owner)
    waiting.signal?.throwIfAborted()
    return isResumed ? this.#take({ kind, cost }, owner) : this.#clients.wait(owner, { kind, cost }, waiting)
  }

  /** Refuses all who wait. */
  close(error: Error): void {
    this.#clients.close(error)
    this.#jobs.close(error)
  }

  #letIn(): void {
    let full = 0
    // Nobody overtakes those for whom there is no room yet; who has a share already is passed over.
    const fits = ({ cost }: Asked, owner: Owner) => {
      const most = this.#most(owner)
      if (most <= full) return false
      if (this.#held.load + cost <= most) return !this.#hasEnough(cost, owner)
      if (cost < this.#capacity) full = most
      return false
    }
    const isLeft = ({ cost }: Asked) => {
      const { streams, load } = this.#heldByJobs
      return this.#held.streams + streams === 0 || this.#held.load + load + cost <= this.#capacity * contested
    }
    const isGranted =
      this.#clients.grant(fits, (asked, owner) => this.#take(asked, owner)) ||
      (this.#clients.size === 0 && this.#jobs.grant(isLeft, (asked) => this.#take(asked, undefined)))
    if (isGranted) this.#letIn()
  }

  /** The load up to which the owner's next stream may come in. */
  #most(owner: Owner): number {
    if (this.#held.streams === 0) return Number.POSITIVE_INFINITY
    const { workspace, deployment } = this.#shares.of(owner)
    if (workspace.streams === 0) return this.#capacity * stretched.workspace
    return this.#capacity * (deployment.streams === 0 && this.#shares.workspaces === 1 ? stretched.deployment : 1)
  }

  #hasEnough = (cost: number, owner: Owner) => this.#held.load + cost > this.#capacity * contested && this.#shares.isBeyond(owner, cost, this.#capacity)

  /** A job's stream has no owner: it is nobody's share, and no client finds less room for it. */
  #take({ kind, cost }: Asked, owner: Owner | undefined): StreamSlot {
    const held = owner ? this.#held : this.#heldByJobs
    held.load += cost
    held.streams++
    if (owner) this.#shares.change(owner, cost, 1)
    let isOpen = true
    return {
      measured: (audioMs, ms) => {
        // What is shorter says more about the first steps than about a second of speech.
        if (audioMs < 1000) return
        const before = this.#costs.get(kind) ?? cost
        this.#costs.set(kind, Math.max(minCost, before + weight * (ms / audioMs - before)))
      },
      leave: () => {
        if (!isOpen) return
        isOpen = false
        held.streams--
        held.load = held.streams ? held.load - cost : 0
        if (owner) this.#shares.change(owner, cost, -1)
        // A stream that ended by a crash is about to take its place again.
        queueMicrotask(() => this.#letIn())
      },
    }
  }

  #explain = () => {
    const waiting = this.#clients.size > 1 ? `, and ${this.#clients.size - 1} more wait for one` : ''
    return new RecognizersBusyError(`All ${this.#held.streams} places for speech are taken${waiting}. Try again in a moment.`)
  }

  usage() {
    const cost = Math.max(minCost, ...this.#costs.values(), this.#costs.size ? 0 : guessedCost)
    return {
      streams: this.#held.streams + this.#heldByJobs.streams,
      maxStreams: Math.max(1, Math.floor(this.#capacity / cost)),
      streamsWaiting: this.#clients.size,
      load: this.#held.load / this.#capacity,
    }
  }
}
