import type { Owner } from '../capacity/fair-queue.ts'
import { Waitlist } from '../capacity/waitlist.ts'
import { RecognizersBusyError } from './recognizer-errors.ts'
import type { StreamRequest, WaitOptions } from './recognizer-stream.ts'
import { Shares } from './shares.ts'

/** The estimated seconds of a worker for a second of speech, before any measurement; beam search takes three times as long. */
const guessedCost = 0.1
const beamFactor = 3
/** The lowest cost of a stream, whatever was measured. */
const minCost = 0.02
/** The share of the workers' time that is promised; the rest absorbs bursts. */
const promised = 0.85
/** Above this load, a workspace or deployment that has its share waits for those that have less. Jobs never exceed it. */
const contested = 0.75
/**
 * The overload that admits a workspace without any stream, so that long streams do not exclude it,
 * and a deployment without any stream of the only workspace.
 */
const stretched = { workspace: 1.15, deployment: 1.075 }
/** The weight of a new measurement in the estimate. */
const weight = 0.1
/** The most waiting streams for each worker; more would rarely be admitted before their timeout. */
const maxWaitingPerWorker = 8

interface StreamCost {
  kind: string
  cost: number
}

/** The capacity that an admitted stream holds. */
export interface StreamSlot {
  /** Records the duration of a phrase and of its decoding, both in milliseconds. */
  measured(audioMs: number, ms: number): void
  leave(): void
}

/**
 * Admits streams by their measured cost: the time that a worker needs to decode a second of speech, as if
 * every client spoke without pause. Since most people pause, the capacity suffices. The cost is elapsed time,
 * not processor time, so a machine that is busy with other work admits fewer streams. Streams that exceed the
 * capacity wait, workspaces round-robin, and the recordings of jobs after all others. A stream that lost its slot to
 * a crash gets the slot back at once.
 */
export class AdmissionControl {
  readonly #capacity: number
  readonly #costs = new Map<string, number>()
  readonly #shares = new Shares()
  readonly #clients: Waitlist<StreamCost, StreamSlot>
  readonly #jobs: Waitlist<StreamCost, StreamSlot>
  readonly #held = { streams: 0, load: 0 }
  readonly #heldByJobs = { streams: 0, load: 0 }

  constructor(workers: number) {
    this.#capacity = workers * promised
    const config = { changed: () => this.#letIn(), refusal: () => this.#explain() }
    this.#clients = new Waitlist({ ...config, maxWaiting: workers * maxWaitingPerWorker })
    this.#jobs = new Waitlist({ ...config, maxWaiting: Number.POSITIVE_INFINITY })
  }

  /** Resolves with a slot, or rejects with a {@link RecognizersBusyError} if none is free in time. */
  async admit(
    request: Pick<StreamRequest, 'model' | 'workspaceId' | 'deploymentId' | 'alternatives' | 'phrases' | 'isOfJob'>,
    { isResumed = false, ...waiting }: WaitOptions = { waitMs: 0 },
  ): Promise<StreamSlot> {
    const { model, workspaceId, deploymentId, alternatives, phrases, isOfJob = false } = request
    const owner = { workspaceId, deploymentId }
    const isBeam = alternatives > 1 || phrases.length > 0 || model.words !== undefined
    const kind = `${model.encoder}${isBeam ? '+beam' : ''}`
    // A stream that exceeds the whole capacity is admitted when no other stream is open.
    const cost = Math.min(this.#capacity, this.#costs.get(kind) ?? guessedCost * (isBeam ? beamFactor : 1))
    if (isOfJob) return this.#jobs.wait(owner, { kind, cost }, waiting)
    this.#shares.note(owner)
    waiting.signal?.throwIfAborted()
    return isResumed ? this.#take({ kind, cost }, owner) : this.#clients.wait(owner, { kind, cost }, waiting)
  }

  /** Refuses all waiting streams. */
  close(error: Error): void {
    this.#clients.close(error)
    this.#jobs.close(error)
  }

  #letIn(): void {
    let full = 0
    // A stream that exceeds the free capacity is not overtaken; one whose owner has its share is skipped.
    const fits = ({ cost }: StreamCost, owner: Owner) => {
      const most = this.#most(owner)
      if (most <= full) return false
      if (this.#held.load + cost <= most) return !this.#isOverShare(cost, owner)
      if (cost < this.#capacity) full = most
      return false
    }
    const isLeft = ({ cost }: StreamCost) => {
      const { streams, load } = this.#heldByJobs
      return this.#held.streams + streams === 0 || this.#held.load + load + cost <= this.#capacity * contested
    }
    const isGranted =
      this.#clients.grant(fits, (asked, owner) => this.#take(asked, owner)) ||
      (this.#clients.size === 0 && this.#jobs.grant(isLeft, (asked) => this.#take(asked, undefined)))
    if (isGranted) this.#letIn()
  }

  /** The load up to which the next stream of the owner is admitted. */
  #most(owner: Owner): number {
    if (this.#held.streams === 0) return Number.POSITIVE_INFINITY
    const { workspace, deployment } = this.#shares.of(owner)
    if (workspace.streams === 0) return this.#capacity * stretched.workspace
    return this.#capacity * (deployment.streams === 0 && this.#shares.workspaces === 1 ? stretched.deployment : 1)
  }

  #isOverShare = (cost: number, owner: Owner) => this.#held.load + cost > this.#capacity * contested && this.#shares.isBeyond(owner, cost, this.#capacity)

  /** The stream of a job has no owner, belongs to no share and takes no capacity from clients. */
  #take({ kind, cost }: StreamCost, owner: Owner | undefined): StreamSlot {
    const held = owner ? this.#held : this.#heldByJobs
    held.load += cost
    held.streams++
    if (owner) this.#shares.change(owner, cost, 1)
    let isOpen = true
    return {
      measured: (audioMs, ms) => {
        // The fixed cost of each decoding dominates in shorter audio.
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
        // A stream that ended by a crash takes its slot again before others are admitted.
        queueMicrotask(() => this.#letIn())
      },
    }
  }

  #explain = () => {
    const waiting = this.#clients.size > 1 ? `, and ${this.#clients.size - 1} more streams wait` : ''
    return new RecognizersBusyError(`The capacity for speech is taken by ${this.#held.streams} streams${waiting}. Try again in a moment.`)
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
