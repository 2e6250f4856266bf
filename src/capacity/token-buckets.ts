/** The maximum number of buckets. The least recently used buckets are removed first. */
const maxBuckets = 10_000

interface Bucket {
  tokens: number
  /** The time in milliseconds at which the bucket had these tokens. */
  at: number
}

/** A bucket of tokens for each id. A bucket has at most `limit` tokens and fills evenly within `windowSeconds`. */
export class TokenBuckets {
  readonly #limit: number
  readonly #windowMs: number
  readonly #now: () => number
  /** In the order of their last use, least recent first. A missing bucket is full. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(limit: number, windowSeconds: number, now: () => number = () => performance.now()) {
    this.#limit = limit
    this.#windowMs = windowSeconds * 1000
    this.#now = now
  }

  /** The number of buckets in memory. */
  get size(): number {
    return this.#buckets.size
  }

  /** The whole tokens in the bucket, and the whole seconds until the bucket is full. */
  read(id: string): { remaining: number; resetSeconds: number } {
    const tokens = this.#tokens(id)
    return { remaining: Math.max(0, Math.floor(tokens)), resetSeconds: Math.ceil((this.#limit - tokens) * this.#msPerToken * 0.001) }
  }

  /** Seconds until `count` tokens can be taken; 0 when they are available. A full bucket accepts any count. */
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

  /** Removes the least recently used buckets while they are full or too many. */
  #forget() {
    for (const id of this.#buckets.keys()) {
      if (this.#buckets.size <= maxBuckets && this.#tokens(id) < this.#limit) return
      this.#buckets.delete(id)
    }
  }
}
