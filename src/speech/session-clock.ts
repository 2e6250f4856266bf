/** Neither side has sent anything. */
export const idleMs = 180_000
/** A refused client has sent nothing that the refusal could answer. */
const refusedMs = 5_000
/** A refused client has sent its first message, which can show a better reason for the refusal. */
const explainMs = 500
/** All audio that the WAV header announced has arrived; neither more audio nor its end has. */
const completeMs = 2_000
/** The recognizer has sent no result although the client has sent all audio. */
const finishMs = 90_000
/** A turn has ended on a server that is shutting down, and the client has sent nothing since. */
const leavingMs = 1_000
/** A turn needs at least a second of audio in each such period. */
export const slowMs = 180_000
/** A client between two turns keeps its slot for this long. */
const slotMs = 10_000

type SessionPhase = 'REFUSED' | 'BETWEEN_TURNS' | 'LEAVING' | 'HEARING' | 'FINISHING' | 'CLOSED'
type DueAction = 'REFUSE' | 'LEAVE' | 'RELEASE_SLOT' | 'FINISH_TURN' | 'END_IDLE' | 'END_SLOW' | 'END_UNANSWERED'

/** Measures how long a session has been open, idle or slow. */
export class SessionClock {
  readonly #now: () => number
  readonly #openedAt: number
  #activeAt: number
  #pace = { at: 0, seconds: 0 }

  constructor(now: () => number) {
    this.#now = now
    this.#openedAt = this.#activeAt = now()
  }

  /** Notes that a message was sent or received. */
  noteActivity(): void {
    this.#activeAt = this.#now()
  }

  /** Notes that the client can send again after a pause that the server caused. */
  resume(): void {
    this.#activeAt = this.#pace.at = this.#now()
  }

  beginTurn(): void {
    this.#pace = { at: this.#now(), seconds: 0 }
  }

  /** The action whose deadline has passed; undefined while none has. */
  findDue(phase: SessionPhase, turn: { isComplete: boolean; seconds: number } | undefined): DueAction | undefined {
    const now = this.#now()
    const idle = now - this.#activeAt
    switch (phase) {
      case 'REFUSED': {
        const hasSpoken = this.#activeAt > this.#openedAt
        return now - this.#openedAt > refusedMs || (hasSpoken && idle > explainMs) ? 'REFUSE' : undefined
      }
      case 'LEAVING':
        return idle > leavingMs ? 'LEAVE' : undefined
      case 'FINISHING':
        return idle > finishMs ? 'END_UNANSWERED' : undefined
      case 'HEARING':
        if (turn?.isComplete && idle > completeMs) return 'FINISH_TURN'
        if (idle > idleMs) return 'END_IDLE'
        return this.#isSlow(turn?.seconds ?? 0, now) ? 'END_SLOW' : undefined
      case 'BETWEEN_TURNS':
        if (idle > idleMs) return 'END_IDLE'
        return idle > slotMs ? 'RELEASE_SLOT' : undefined
      case 'CLOSED':
        return undefined
    }
  }

  #isSlow(seconds: number, now: number): boolean {
    if (now - this.#pace.at < slowMs) return false
    const isSlow = seconds - this.#pace.seconds < 1
    this.#pace = { at: now, seconds }
    return isSlow
  }
}
