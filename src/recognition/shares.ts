import type { Owner } from '../capacity/fair-queue.ts'

/** What asked within this time counts as wanting a share. */
const memoryMs = 10 * 60_000
const maxRemembered = 1000

/** How many streams something has, and what load they make. */
interface Held {
  streams: number
  load: number
}

const none: Held = { streams: 0, load: 0 }
const nameOf = ({ workspaceId, deploymentId = '' }: Owner) => `${workspaceId}/${deploymentId}`

/** Who has asked lately, the longest ago first. */
class Lately {
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

/** Which part of a load each workspace has, and in it each deployment, and which parts would be equal ones. */
export class Shares {
  readonly #held = { workspaces: new Map<string, Held>(), deployments: new Map<string, Held>() }
  readonly #asked = { workspaces: new Lately(), deployments: new Lately() }

  /** The owner wants a share. */
  note(owner: Owner): void {
    this.#asked.workspaces.note(owner.workspaceId)
    this.#asked.deployments.note(nameOf(owner))
  }

  /** A stream began, or with -1 ended. */
  change(owner: Owner, load: number, by: 1 | -1): void {
    change(this.#held.workspaces, owner.workspaceId, load, by)
    change(this.#held.deployments, nameOf(owner), load, by)
  }

  /** What the owner's workspace and its deployment have. */
  of(owner: Owner): { workspace: Held; deployment: Held } {
    return { workspace: this.#held.workspaces.get(owner.workspaceId) ?? none, deployment: this.#held.deployments.get(nameOf(owner)) ?? none }
  }

  /** How many workspaces want a share. */
  get workspaces(): number {
    return new Set([...this.#asked.workspaces.names, ...this.#held.workspaces.keys()]).size
  }

  /**
   * Whether so much more would be beyond the owner's part: workspaces that want a share have equal parts of the capacity,
   * and deployments equal parts of their workspace's. Who has nothing yet is never beyond.
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

function change(all: Map<string, Held>, name: string, load: number, by: 1 | -1) {
  const { streams, load: before } = all.get(name) ?? none
  if (streams + by <= 0) all.delete(name)
  else all.set(name, { streams: streams + by, load: before + by * load })
}
