import { TokenBuckets } from '../capacity/token-buckets.ts'

/** The key and the workspace whose limits a mutation counts against. */
interface RateSubject {
  keyId: string
  workspaceId: string
}

/** Both limits are per minute, and a client can send that many mutations at once. */
export const rateWindowSeconds = 60

/** The remainder of one limit. */
export interface RateState {
  scope: 'key' | 'workspace'
  limit: number
  /** The number of mutations that the server accepts now. */
  remaining: number
  /** Seconds until the limit is full again when the client sends nothing. */
  resetSeconds: number
}

export interface RateRefusal {
  scope: RateState['scope']
  limit: number
  /** Whole seconds until the same mutations are accepted; at least 1. */
  retryAfter: number
}

export interface RateLimits {
  /** The mutations per minute of one key. */
  mutationsPerKey: number
  /** The mutations per minute of all keys of one workspace. */
  mutationsPerWorkspace: number
}

export type MutationRate = ReturnType<typeof createMutationRate>

/**
 * Counts the mutations and uploads of each key and workspace in this process. Behind a load balancer, the limits
 * apply to each process.
 */
export function createMutationRate({ mutationsPerKey, mutationsPerWorkspace }: RateLimits, now?: () => number) {
  const keys = new TokenBuckets(mutationsPerKey, rateWindowSeconds, now)
  const workspaces = new TokenBuckets(mutationsPerWorkspace, rateWindowSeconds, now)
  const read = ({ keyId, workspaceId }: RateSubject): RateState[] => [
    { scope: 'key', limit: mutationsPerKey, ...keys.read(keyId) },
    { scope: 'workspace', limit: mutationsPerWorkspace, ...workspaces.read(workspaceId) },
  ]
  return {
    read,

    /** Takes `count` mutations from both limits, or from neither. */
    take({ keyId, workspaceId }: RateSubject, count: number): RateRefusal | undefined {
      const ofKey = keys.waitSeconds(keyId, count)
      const ofWorkspace = workspaces.waitSeconds(workspaceId, count)
      const seconds = Math.max(ofKey, ofWorkspace)
      if (seconds > 0) {
        const scope = ofKey >= ofWorkspace ? 'key' : 'workspace'
        return { scope, limit: scope === 'key' ? mutationsPerKey : mutationsPerWorkspace, retryAfter: Math.ceil(seconds) }
      }
      keys.take(keyId, count)
      workspaces.take(workspaceId, count)
      return undefined
    },
  }
}

export const explainRate = ({ scope, limit, retryAfter }: RateRefusal): string =>
  `This ${scope} can send ${limit} mutations and uploads per minute. Send this request again in ${retryAfter} s.`

/**
 * The headers of the IETF draft "RateLimit header fields for HTTP". Unlike `X-RateLimit-*`, they contain both limits,
 * and their times are seconds from now.
 */
export function toRateHeaders(states: readonly RateState[]): Record<string, string> {
  const list = (format: (state: RateState) => string) => states.map((state) => `"${state.scope}";${format(state)}`).join(', ')
  return {
    'ratelimit-policy': list(({ limit }) => `q=${limit};w=${rateWindowSeconds}`),
    ratelimit: list(({ remaining, resetSeconds }) => `r=${remaining};t=${resetSeconds}`),
  }
}
