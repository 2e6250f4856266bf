import { FairQueue, type Owner } from './fair-queue.ts'

/** The longest time that a request waits for capacity. */
export interface Waiting {
  /** Milliseconds; 0 refuses at once, `Infinity` waits until `signal` aborts. */
  waitMs: number
  signal?: AbortSignal | undefined
}

interface WaitingRequest<Request, Grant> {
  owner: Owner
  request: Request
  granted(grant: Grant): void
  refused(error: unknown): void
}

interface WaitlistConfig<Request> {
  /** The most requests that wait; beyond it, the last request of the workspace with the most requests is refused. */
  maxWaiting: number
  /** Called after each new request, to grant free capacity with {@link Waitlist.grant}. */
  changed(): void
  /** The error for a request that waited too long, or that exceeds `maxWaiting`. */
  refusal(owner: Owner, request: Request): Error
}

/** Requests that wait for capacity until they are granted, time out or abort; workspaces are served round-robin. */
export class Waitlist<Request, Grant> {
  readonly #entries = new FairQueue<WaitingRequest<Request, Grant>>()
  readonly #config: WaitlistConfig<Request>

  constructor(config: WaitlistConfig<Request>) {
    this.#config = config
  }

  get size(): number {
    return this.#entries.size
  }

  /** The workspaces that wait. */
  get workspaces(): string[] {
    return this.#entries.workspaces
  }

  /** Resolves with the grant, or rejects with the configured refusal or the signal's reason. */
  wait(owner: Owner, request: Request, { waitMs, signal }: Waiting): Promise<Grant> {
    return new Promise((granted, refused) => {
      signal?.throwIfAborted()
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abandon)
        this.#entries.remove(owner, entry)
      }
      const entry: WaitingRequest<Request, Grant> = {
        owner,
        request,
        granted(grant) {
          settle()
          granted(grant)
        },
        refused(error) {
          settle()
          refused(error)
        },
      }
      const abandon = () => entry.refused(signal?.reason)
      const timer = Number.isFinite(waitMs) ? setTimeout(() => this.#refuse(entry), waitMs) : undefined
      signal?.addEventListener('abort', abandon, { once: true })
      this.#entries.push(owner, entry)
      this.#config.changed()
      if (waitMs === 0) this.#refuse(entry)
      const last = this.#entries.size > this.#config.maxWaiting ? this.#entries.lastOfLongest : undefined
      if (last) this.#refuse(last)
    })
  }

  /** Grants the first request that fits, workspaces round-robin; false if none fits. */
  grant(fits: (request: Request, owner: Owner) => boolean, take: (request: Request, owner: Owner) => Grant): boolean {
    const entry = this.#entries.take(({ request, owner }) => fits(request, owner))
    entry?.granted(take(entry.request, entry.owner))
    return entry !== undefined
  }

  /** Refuses all waiting requests. */
  close(error: Error): void {
    for (const entry of this.#entries.clear()) entry.refused(error)
  }

  #refuse(entry: WaitingRequest<Request, Grant>) {
    entry.refused(this.#config.refusal(entry.owner, entry.request))
  }
}
