import { sampleRate } from '../audio/pcm.ts'
import type { WorkerTask } from '../decoding/worker-messages.ts'

/** The trust in a user's acoustic model. Only a PROVEN one runs in the shared recognizers. */
export type Standing =
  /** The model has recognized few phrases: it runs in separate recognizers at a lower priority. */
  | 'NEW'
  /** The model has recognized enough phrases without a fault. */
  | 'PROVEN'
  /** The model blocked or ended a recognizer: it runs separately, and the next fault refuses it. */
  | 'ISOLATED'
  /** The model caused another fault while isolated: it is refused for a time. */
  | 'REFUSED'

/** A model in one deployment. The revisions of a deployment have separate standings, unless they share the model. */
export interface Suspect {
  deploymentId?: string | undefined
  modelId: string
}

/** A deployment with a model whose standing became worse. */
export interface Suspicion {
  deploymentId: string
  standing: 'ISOLATED' | 'REFUSED'
  /** The fault of its model. */
  reason: string
  /** The end of the refusal, in milliseconds since 1970; only for REFUSED. */
  refusedUntil?: number
}

interface QuarantineRecord {
  phrases: number
  isIsolated: boolean
  /** The time of the last fault. */
  struckAt: number
  refusedUntil: number
  refusals: number
}

/** The phrases without a fault after which a new model runs in the shared recognizers. */
const minPhrases = 100
/** The time without a fault after which an isolated deployment returns to the others. */
const isolationMs = 10 * 60_000
const firstRefusalMs = 5 * 60_000
const maxRefusalMs = 60 * 60_000
/** Beyond this number, the least recently used records are removed. */
const maxEntries = 10_000

//  NEW ── 100 phrases ─▶ PROVEN        each strike: ─▶ ISOLATED ─▶ REFUSED ── pause ─▶ ISOLATED
//   ▲                                                     │
//   └──────────────── 10 minutes without a strike ────────┘
/** Records the faults of users' acoustic models by deployment and model. Base models are trusted. */
export class Quarantine {
  readonly #entries = new Map<string, QuarantineRecord>()
  readonly #notify: (suspicion: Suspicion) => void
  readonly #now: () => number
  #strikes = 0

  constructor(notify: (suspicion: Suspicion) => void, now: () => number = Date.now) {
    this.#notify = notify
    this.#now = now
  }

  standing(suspect: Suspect): Standing {
    const entry = this.#entries.get(keyOf(suspect))
    if (!entry) return 'NEW'
    if (entry.refusedUntil > this.#now()) return 'REFUSED'
    if (entry.isIsolated) return 'ISOLATED'
    return entry.phrases >= minPhrases ? 'PROVEN' : 'NEW'
  }

  /** The end of the refusal, in milliseconds since 1970. */
  refusedUntil(suspect: Suspect): number {
    return this.#entries.get(keyOf(suspect))?.refusedUntil ?? 0
  }

  /** Records a phrase without a fault. */
  praise(suspect: Suspect): void {
    const entry = this.#use(suspect)
    entry.phrases++
    const isOver = entry.isIsolated && this.#now() - Math.max(entry.struckAt, entry.refusedUntil) > isolationMs
    if (isOver) this.#entries.delete(keyOf(suspect))
  }

  /** Records a recognizer that the model blocked or ended. */
  blame(suspect: Suspect, reason: string): void {
    const { deploymentId = '' } = suspect
    const entry = this.#use(suspect)
    const now = this.#now()
    this.#strikes++
    entry.struckAt = now
    entry.phrases = 0
    if (!entry.isIsolated) {
      entry.isIsolated = true
      this.#notify({ deploymentId, standing: 'ISOLATED', reason })
      return
    }
    if (entry.refusedUntil > now) return
    entry.refusedUntil = now + Math.min(maxRefusalMs, firstRefusalMs * 2 ** entry.refusals++)
    this.#notify({ deploymentId, standing: 'REFUSED', reason, refusedUntil: entry.refusedUntil })
  }

  usage(): { strikes: number; isolated: number; refused: number } {
    const now = this.#now()
    const all = [...this.#entries.values()]
    const refused = all.filter(({ refusedUntil }) => refusedUntil > now).length
    return { strikes: this.#strikes, isolated: all.filter(({ isIsolated }) => isIsolated).length - refused, refused }
  }

  #use(suspect: Suspect): QuarantineRecord {
    const key = keyOf(suspect)
    const entry = this.#entries.get(key) ?? { phrases: 0, isIsolated: false, struckAt: 0, refusedUntil: 0, refusals: 0 }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > maxEntries && oldest !== undefined) this.#entries.delete(oldest)
    return entry
  }
}

const keyOf = ({ deploymentId = '', modelId }: Suspect) => `${deploymentId} ${modelId}`

/** True for a task that loads a user's acoustic model or decodes with it. */
export const isOfUser = (task: WorkerTask): boolean => 'model' in task && task.model.isCustom === true

/**
 * The time after which a piece of a user's model is overdue, unless the process hardly got the processor: a base and
 * the length of the audio, ten times the time of a good model.
 */
export const overdueMs = (task: WorkerTask): number => (task.kind === 'DECODE' ? 2_000 + (task.audio.length * 1_000) / sampleRate : 30_000)

export const refusal = (until: number): string =>
  `The acoustic model of the deployment repeatedly blocked or crashed its recognizers. The server refuses it until ${new Date(until).toISOString()}. Export the model again, or deploy another one.`
