import { TokenBuckets } from '../capacity/token-buckets.ts'

/** The key and the workspace that a change counts for. */
interface RateSubject {
  keyId: string
  workspaceId: string
}

/** Both limits are per minute, and that many mutations may come at once. */
export const rateWindowSeconds = 60

/** How much of one limit is left. */
export interface RateState {
  scope: 'key' | 'workspace'
  limit: number
  /** Mutations that can be sent at once now. */
  remaining: number
  /** Seconds until the limit is whole again, if nothing is sent. */
  resetSeconds: number
}

export interface RateRefusal {
  scope: RateState['scope']
  limit: number
  /** Whole seconds until the same mutations are accepted; at least 1. */
  retryAfter: number
}

export interface RateLimits {
  /** Mutations per minute of one key. */
  mutationsPerKey: number
  /** Mutations per minute of all keys of one workspace. */
  mutationsPerWorkspace: number
}

export type MutationRate = ReturnType<typeof createMutationRate>

/**
 * Counts the mutations and uploads of each key and workspace. The counts are those of this process: behind a load
 * balancer, a workspace can send as many to each process.
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
  `This ${scope} can send ${limit} mutations and uploads per minute, as many of them at once. Send this again in ${retryAfter} s.`

/**
 * Headers that tell a client how much is left, as the IETF's "RateLimit header fields for HTTP" has them: unlike
 * `X-RateLimit-*` they name both limits, and their times are always seconds from now.
 */
export function toRateHeaders(states: readonly RateState[]): Record<string, string> {
  const list = (format: (state: RateState) => string) => states.map((state) => `"${state.scope}";${format(state)}`).join(', ')
  return {
    'ratelimit-policy': list(({ limit }) => `q=${limit};w=${rateWindowSeconds}`),
    ratelimit: list(({ remaining, resetSeconds }) => `r=${remaining};t=${resetSeconds}`),
  }
}
