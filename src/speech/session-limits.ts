import type { Config } from '../config.ts'
import { ProblemError } from '../http/problem.ts'
import { type AuthorizedCaller, isProvisioning } from './authorization.ts'

/**
 * Places that are kept for provisioning's own calls, beside those of clients: neither takes any of the other's.
 * The calls take a second each and come again when they find none.
 */
const reservedPlaces = 8
/** The part of the places, and of the sockets, that no single workspace has. */
export const ofOthers = (all: number): number => Math.floor(all / 8)

/** Counts who recognizes at the moment, so that nobody takes all there is. */
export interface SessionLimits {
  /** Takes a place until the answer is called; throws a {@link ProblemError} when there is none. */
  enter(admitted: AuthorizedCaller): () => void
  readonly taken: number
}

export function createSessionLimits({ all, ofKey, ofDeployment }: Config['sessions']): SessionLimits {
  const counts = new Map<string, number>()
  let taken = 0
  return {
    get taken() {
      return taken
    },
    enter({ caller, served }) {
      const isReserved = isProvisioning(caller)
      const key = `key:${caller.viewer?.keyId ?? 'provisioning'}`
      const deployment = `deployment:${served.deployment.id}`
      const workspace = `workspace:${caller.workspaceId}`
      const mine = counts.get(key) ?? 0
      const limitsOfClients: [count: number, most: number, whose: string][] = [
        [taken, all, 'This server'],
        [counts.get(workspace) ?? 0, all - ofOthers(all), 'This workspace'],
        [mine, ofKey, 'This key'],
        [counts.get(deployment) ?? 0, ofDeployment, 'This deployment'],
      ]
      const limits: typeof limitsOfClients = isReserved ? [[mine, reservedPlaces, 'Provisioning']] : limitsOfClients
      for (const [count, most, whose] of limits) {
        if (count < most) continue
        const message = `${whose} recognizes ${count} streams already, as many as it may. Try again when one has ended.`
        throw new ProblemError(429, 'TOO_MANY_SESSIONS', message, { headers: { 'retry-after': '1' } })
      }
      const add = (by: 1 | -1) => {
        if (!isReserved) taken += by
        for (const name of isReserved ? [key] : [workspace, key, deployment]) {
          const count = (counts.get(name) ?? 0) + by
          if (count > 0) counts.set(name, count)
          else counts.delete(name)
        }
      }
      add(1)
      let isLeft = false
      return () => {
        if (!isLeft) add(-1)
        isLeft = true
      }
    },
  }
}
