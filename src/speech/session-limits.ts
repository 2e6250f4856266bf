import type { Config } from '../config.ts'
import { ProblemError } from '../http/problem.ts'
import type { SharedCounts } from '../postgres/shared-counts.ts'
import { type AuthorizedCaller, isProvisioning } from './authorization.ts'

/**
 * Slots for the calls of provisioning, in addition to those of clients. A call takes a second, and provisioning
 * repeats it when no slot is free.
 */
const reservedSlots = 8
/** The part of the slots, and of the sockets, that one workspace cannot use. */
export const ofOthers = (all: number): number => Math.floor(all / 8)

/**
 * Limits the streams and recordings at once: in all and for each workspace in this process, for each key and deployment
 * in all processes.
 */
export interface SessionLimits {
  /** Takes a slot and returns its release. Throws a {@link ProblemError} when no slot is free. */
  enter(admitted: AuthorizedCaller): () => void
  readonly taken: number
}

export function createSessionLimits({ all, ofKey, ofDeployment }: Config['sessions'], shared: Pick<SharedCounts, 'publish' | 'countElsewhere'>): SessionLimits {
  const counts = new Map<string, number>()
  shared.publish(() => [...counts].filter(([name]) => /^(key|deployment):/.test(name)))
  let taken = 0
  return {
    get taken() {
      return taken
    },
    enter({ caller, served }) {
      const isReserved = isProvisioning(caller)
      const key = caller.viewer ? `key:${caller.viewer.keyId}` : 'provisioning'
      const deployment = `deployment:${served.deployment.id}`
      const workspace = `workspace:${caller.workspaceId}`
      const mine = counts.get(key) ?? 0
      const limitsOfClients: [count: number, max: number, owner: string][] = [
        [taken, all, 'This server'],
        [counts.get(workspace) ?? 0, all - ofOthers(all), 'This workspace'],
        [mine + shared.countElsewhere(key), ofKey, 'This key'],
        [(counts.get(deployment) ?? 0) + shared.countElsewhere(deployment), ofDeployment, 'This deployment'],
      ]
      const limits: typeof limitsOfClients = isReserved ? [[mine, reservedSlots, 'Provisioning']] : limitsOfClients
      for (const [count, max, owner] of limits) {
        if (count < max) continue
        const message = `${owner} recognizes ${count} streams, which is the limit. Try again when one has ended.`
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
      let isReleased = false
      return () => {
        if (!isReleased) add(-1)
        isReleased = true
      }
    },
  }
}
