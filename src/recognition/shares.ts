import type { Owner } from '../capacity/fair-queue.ts'

/** The time for which a request counts towards the number of shares. */
const memoryMs = 10 * 60_000
const maxRemembered = 1000

/** The number of open streams and their load. */
interface HeldLoad {
  streams: number
  load: number
}

const none: HeldLoad = { streams: 0, load: 0 }
const nameOf = ({ workspaceId, deploymentId = '' }: Owner) => `${workspaceId}/${deploymentId}`

/** The names of recent requests, the oldest first. */
class RecentRequests {
  readonly #at = new Map<string, number>()

  note(name: string): void {
    const now = performance.now()
    this.#at.delete(name)
    this.#at.set(name, now)
    for (const [other, at] of this.#at) {
      if (now - at < memoryMs && this.#at.size <= maxRemembered) break
      this.#at.delete(other)
    }
  }

  get names(): Iterable<string> {
    return this.#at.keys()
  }
}

/** The shares of a load that workspaces and deployments have, and their fair shares. */
export class Shares {
  readonly #held = { workspaces: new Map<string, HeldLoad>(), deployments: new Map<string, HeldLoad>() }
  readonly #asked = { workspaces: new RecentRequests(), deployments: new RecentRequests() }

  /** Counts the owner for the fair shares. */
  note(owner: Owner): void {
    this.#asked.workspaces.note(owner.workspaceId)
    this.#asked.deployments.note(nameOf(owner))
  }

  /** Records a stream that began, or with -1 ended. */
  change(owner: Owner, load: number, by: 1 | -1): void {
    change(this.#held.workspaces, owner.workspaceId, load, by)
    change(this.#held.deployments, nameOf(owner), load, by)
  }

  /** The loads of the owner's workspace and deployment. */
  of(owner: Owner): { workspace: HeldLoad; deployment: HeldLoad } {
    return { workspace: this.#held.workspaces.get(owner.workspaceId) ?? none, deployment: this.#held.deployments.get(nameOf(owner)) ?? none }
  }

  /** The number of workspaces that have streams or requested one recently. */
  get workspaces(): number {
    return new Set([...this.#asked.workspaces.names, ...this.#held.workspaces.keys()]).size
  }

  /**
   * True if the additional load would exceed the owner's fair share. Workspaces have equal shares of the capacity,
   * and deployments have equal shares of their workspace's. An owner without a stream never exceeds its share.
   */
  isBeyond(owner: Owner, load: number, capacity: number): boolean {
    const { workspace, deployment } = this.of(owner)
    const { workspaces } = this
    const part = capacity / Math.max(1, workspaces)
    if (workspaces > 1 && workspace.streams > 0 && workspace.load + load > part) return true
    if (deployment.streams === 0) return false
    const prefix = nameOf({ workspaceId: owner.workspaceId })
    const all = [...this.#asked.deployments.names, ...this.#held.deployments.keys()]
    const siblings = new Set(all.filter((name) => name.startsWith(prefix))).size
    return siblings > 1 && deployment.load + load > part / siblings
  }
}

function change(all: Map<string, HeldLoad>, name: string, load: number, by: 1 | -1) {
  const { streams, load: before } = all.get(name) ?? none
  if (streams + by <= 0) all.delete(name)
  else all.set(name, { streams: streams + by, load: before + by * load })
}
