import { sampleRate } from '../audio/pcm.ts'
import type { WorkerTask } from '../decoding/worker.process.ts'

/** How far a deployment's own acoustic model is trusted with the recognizers that all share: only a proven one has them. */
export type Standing =
  /** It has not recognized much yet: it has recognizers apart from those of others, at a lower priority. */
  | 'NEW'
  /** It has recognized enough without trouble. */
  | 'PROVEN'
  /** It held up or ended a recognizer there: the next time, it is refused. */
  | 'ISOLATED'
  /** It did so there as well: it is refused for a while. */
  | 'REFUSED'

/** Told when a deployment's standing becomes worse. */
export interface Suspicion {
  deploymentId: string
  standing: 'ISOLATED' | 'REFUSED'
  /** What its model did to a recognizer. */
  reason: string
  /** When it is tried again, in milliseconds since 1970; only for REFUSED. */
  refusedUntil?: number
}

interface QuarantineRecord {
  phrases: number
  isIsolated: boolean
  /** When it last held up or ended a recognizer. */
  struckAt: number
  refusedUntil: number
  refusals: number
}

/** Phrases without trouble before a new model has the recognizers that all share. */
const maxPhrases = 100
/** An isolated deployment without trouble for so long goes back to the others. */
const isolationMs = 10 * 60_000
const firstRefusalMs = 5 * 60_000
const maxRefusalMs = 60 * 60_000
/** The least recently used are forgotten beyond this many. */
const maxEntries = 10_000

//  NEW ── 100 phrases ─▶ PROVEN        each strike: ─▶ ISOLATED ─▶ REFUSED ── pause ─▶ ISOLATED
//   ▲                                                     │
//   └──────────────── 10 minutes without a strike ────────┘
/** Remembers which deployments' own acoustic models held up or ended recognizers. Base models are not suspected. */
export class Quarantine {
  readonly #entries = new Map<string, QuarantineRecord>()
  readonly #told: (suspicion: Suspicion) => void
  readonly #now: () => number
  #strikes = 0

  constructor(told: (suspicion: Suspicion) => void, now: () => number = Date.now) {
    this.#told = told
    this.#now = now
  }

  standing(deploymentId: string): Standing {
    const entry = this.#entries.get(deploymentId)
    if (!entry) return 'NEW'
    if (entry.refusedUntil > this.#now()) return 'REFUSED'
    if (entry.isIsolated) return 'ISOLATED'
    return entry.phrases >= maxPhrases ? 'PROVEN' : 'NEW'
  }

  /** Until when it is refused, in milliseconds since 1970. */
  refusedUntil(deploymentId: string): number {
    return this.#entries.get(deploymentId)?.refusedUntil ?? 0
  }

  /** It recognized a phrase as it should. */
  praise(deploymentId: string): void {
    const entry = this.#use(deploymentId)
    entry.phrases++
    const isOver = entry.isIsolated && this.#now() - Math.max(entry.struckAt, entry.refusedUntil) > isolationMs
    if (isOver) this.#entries.delete(deploymentId)
  }

  /** It held up a recognizer, or ended it. */
  blame(deploymentId: string, reason: string): void {
    const entry = this.#use(deploymentId)
    const now = this.#now()
    this.#strikes++
    entry.struckAt = now
    entry.phrases = 0
    if (!entry.isIsolated) {
      entry.isIsolated = true
      this.#told({ deploymentId, standing: 'ISOLATED', reason })
      return
    }
    if (entry.refusedUntil > now) return
    entry.refusedUntil = now + Math.min(maxRefusalMs, firstRefusalMs * 2 ** entry.refusals++)
    this.#told({ deploymentId, standing: 'REFUSED', reason, refusedUntil: entry.refusedUntil })
  }

  usage(): { strikes: number; isolated: number; refused: number } {
    const now = this.#now()
    const all = [...this.#entries.values()]
    const refused = all.filter(({ refusedUntil }) => refusedUntil > now).length
    return { strikes: this.#strikes, isolated: all.filter(({ isIsolated }) => isIsolated).length - refused, refused }
  }

  #use(deploymentId: string): QuarantineRecord {
    const entry = this.#entries.get(deploymentId) ?? { phrases: 0, isIsolated: false, struckAt: 0, refusedUntil: 0, refusals: 0 }
    this.#entries.delete(deploymentId)
    this.#entries.set(deploymentId, entry)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > maxEntries && oldest !== undefined) this.#entries.delete(oldest)
    return entry
  }
}

/** Only what loads, or decodes with, a model that a user brought is suspected. */
export const isOfUser = (task: WorkerTask): boolean => task.kind !== 'PING' && task.model.isCustom === true

/**
 * A user's model that takes longer than this for a piece is overdue: so much, and the audio's own length, which is ten
 * times what a good one takes.
 */
export const overdueMs = (task: WorkerTask): number => (task.kind === 'DECODE' ? 2_000 + (task.audio.length * 1_000) / sampleRate : 30_000)

export const refusal = (until: number): string =>
  `The deployment's acoustic model held up or ended its recognizers several times. It is tried again after ${new Date(until).toISOString()}. Export the model again, or deploy another one.`
