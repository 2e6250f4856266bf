/** The workspace that asks for a share of what all workspaces use, and its deployment where there is one. */
export interface Owner {
  workspaceId: string
  deploymentId?: string
}

/** Items of one workspace, by deployment, the deployment whose turn is next first. */
type Lines<T> = Map<string, T[]>

const sizeOf = <T>(lines: Lines<T>): number => [...lines.values()].reduce((sum, { length }) => sum + length, 0)

/**
 * A queue in which workspaces take turns, and in a workspace its deployments; a deployment's items keep their order.
 * With n workspaces waiting, the first item of each is taken within n takes, however many items the others have.
 */
export class FairQueue<T> {
  /** By workspace, the one whose turn is next first. */
  readonly #workspaces = new Map<string, Lines<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The workspaces that have items, the one whose turn is next first. */
  get workspaces(): string[] {
    return [...this.#workspaces.keys()]
  }

  push(owner: Owner, item: T): void {
    this.#lineOf(owner).push(item)
    this.#size++
  }

  /** Puts an item before all others of its deployment. */
  pushFirst(owner: Owner, item: T): void {
    this.#lineOf(owner).unshift(item)
    this.#size++
  }

  /**
   * Takes the first item that fits, asking for each deployment's first in turn. The next turn of its workspace comes
   * after those of all others; workspaces that were passed over keep theirs.
   */
  take(fits: (item: T) => boolean = () => true): T | undefined {
    for (const [workspaceId, lines] of this.#workspaces) {
      for (const [deploymentId, line] of lines) {
        const item = line[0] as T
        if (!fits(item)) continue
        line.shift()
        lines.delete(deploymentId)
        if (line.length) lines.set(deploymentId, line)
        this.#workspaces.delete(workspaceId)
        if (lines.size) this.#workspaces.set(workspaceId, lines)
        this.#size--
        return item
      }
    }
    return undefined
  }

  /** Answers whether the item was still waiting. */
  remove({ workspaceId, deploymentId = '' }: Owner, item: T): boolean {
    const lines = this.#workspaces.get(workspaceId)
    const line = lines?.get(deploymentId)
    const position = line?.indexOf(item) ?? -1
    if (!lines || !line || position < 0) return false
    line.splice(position, 1)
    if (!line.length) lines.delete(deploymentId)
    if (!lines.size) this.#workspaces.delete(workspaceId)
    this.#size--
    return true
  }

  /** Takes everything that waits for one deployment, in order. */
  removeAll({ workspaceId, deploymentId = '' }: Owner): T[] {
    const lines = this.#workspaces.get(workspaceId)
    const line = lines?.get(deploymentId) ?? []
    lines?.delete(deploymentId)
    if (lines?.size === 0) this.#workspaces.delete(workspaceId)
    this.#size -= line.length
    return line
  }

  /** The last item of the workspace with the most items, and of its deployment with the most; of equals, those whose turn is last. */
  get lastOfLongest(): T | undefined {
    const lines = [...this.#workspaces.values()].reduce<Lines<T>>((most, one) => (sizeOf(one) >= sizeOf(most) ? one : most), new Map())
    const longest = [...lines.values()].reduce<T[]>((most, line) => (line.length >= most.length ? line : most), [])
    return longest.at(-1)
  }

  /** Takes everything. */
  clear(): T[] {
    const all = [...this.#workspaces.values()].flatMap((lines) => [...lines.values()].flat())
    this.#workspaces.clear()
    this.#size = 0
    return all
  }

  #lineOf({ workspaceId, deploymentId = '' }: Owner): T[] {
    const lines = this.#workspaces.get(workspaceId) ?? new Map<string, T[]>()
    const line = lines.get(deploymentId) ?? []
    lines.set(deploymentId, line)
    this.#workspaces.set(workspaceId, lines)
    return line
  }
}
