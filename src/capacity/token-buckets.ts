/** Buckets that are kept at most; those that were not used for longest are forgotten first. */
const maxBuckets = 10_000

interface Bucket {
  tokens: number
  /** The moment, in milliseconds, at which it had them. */
  at: number
}

/** A bucket of tokens for each id: it holds `limit` of them, and fills evenly within `windowSeconds`. */
export class TokenBuckets {
  readonly #limit: number
  readonly #windowMs: number
  readonly #now: () => number
  /** By their last use, the longest ago first. A bucket that is missing is full. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(limit: number, windowSeconds: number, now: () => number = () => performance.now()) {
    this.#limit = limit
    this.#windowMs = windowSeconds * 1000
    this.#now = now
  }

  /** Buckets in memory. */
  get size(): number {
    return this.#buckets.size
  }

  /** Whole tokens that can be taken, and whole seconds until the bucket is full. */
  read(id: string): { remaining: number; resetSeconds: number } {
    const tokens = this.#tokens(id)
    return { remaining: Math.max(0, Math.floor(tokens)), resetSeconds: Math.ceil((this.#limit - tokens) * this.#msPerToken * 0.001) }
  }

  /** Seconds until so many can be taken; 0 when they can be now. A full bucket gives whatever is asked for. */
  waitSeconds(id: string, count: number): number {
    const missing = Math.min(count, this.#limit) - this.#tokens(id)
    return missing > 0 ? (missing * this.#msPerToken) / 1000 : 0
  }

  take(id: string, count: number): void {
    const bucket = { tokens: this.#tokens(id) - count, at: this.#now() }
    this.#buckets.delete(id)
    this.#buckets.set(id, bucket)
    this.#forget()
  }

  get #msPerToken(): number {
    return this.#windowMs / this.#limit
  }

  #tokens(id: string): number {
    const bucket = this.#buckets.get(id)
    return bucket ? Math.min(this.#limit, bucket.tokens + (this.#now() - bucket.at) / this.#msPerToken) : this.#limit
  }

  /** Removes buckets from the front that are full again, and what is too many. */
  #forget() {
    for (const id of this.#buckets.keys()) {
      if (this.#buckets.size <= maxBuckets && this.#tokens(id) < this.#limit) return
      this.#buckets.delete(id)
    }
  }
}
