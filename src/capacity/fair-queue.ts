/** The workspace, and the deployment if there is one, that asks for a share of common capacity. */
export interface Owner {
  workspaceId: string
  deploymentId?: string
}

/** The items of one workspace, by deployment, in the order in which the deployments are served. */
type DeploymentQueues<T> = Map<string, T[]>

const sizeOf = <T>(queues: DeploymentQueues<T>): number => [...queues.values()].reduce((sum, { length }) => sum + length, 0)

/**
 * A queue that serves workspaces round-robin, and the deployments of each workspace likewise. A deployment's items keep their order.
 * With n workspaces waiting, n calls of `take` serve each of them once, however many items the others have.
 */
export class FairQueue<T> {
  /** By workspace, in the order in which the workspaces are served. */
  readonly #workspaces = new Map<string, DeploymentQueues<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The workspaces that have items, in the order in which they are served. */
  get workspaces(): string[] {
    return [...this.#workspaces.keys()]
  }

  push(owner: Owner, item: T): void {
    this.#queueOf(owner).push(item)
    this.#size++
  }

  /** Puts an item before all others of its deployment. */
  pushFirst(owner: Owner, item: T): void {
    this.#queueOf(owner).unshift(item)
    this.#size++
  }

  /**
   * Removes the first item that fits; only the first item of each deployment is considered. The served workspace moves
   * to the end of the order; skipped workspaces keep their position.
   */
  take(fits: (item: T) => boolean = () => true): T | undefined {
    for (const [workspaceId, queues] of this.#workspaces) {
      for (const [deploymentId, queue] of queues) {
        const item = queue[0] as T
        if (!fits(item)) continue
        queue.shift()
        queues.delete(deploymentId)
        if (queue.length) queues.set(deploymentId, queue)
        this.#workspaces.delete(workspaceId)
        if (queues.size) this.#workspaces.set(workspaceId, queues)
        this.#size--
        return item
      }
    }
    return undefined
  }

  /** Returns whether the item was in the queue. */
  remove({ workspaceId, deploymentId = '' }: Owner, item: T): boolean {
    const queues = this.#workspaces.get(workspaceId)
    const queue = queues?.get(deploymentId)
    const position = queue?.indexOf(item) ?? -1
    if (!queues || !queue || position < 0) return false
    queue.splice(position, 1)
    if (!queue.length) queues.delete(deploymentId)
    if (!queues.size) this.#workspaces.delete(workspaceId)
    this.#size--
    return true
  }

  /** Removes and returns all items of one deployment, in order. */
  removeAll({ workspaceId, deploymentId = '' }: Owner): T[] {
    const queues = this.#workspaces.get(workspaceId)
    const queue = queues?.get(deploymentId) ?? []
    queues?.delete(deploymentId)
    if (queues?.size === 0) this.#workspaces.delete(workspaceId)
    this.#size -= queue.length
    return queue
  }

  /** The last item of the workspace with the most items, and in it of the deployment with the most; of equals, the one that is served last. */
  get lastOfLongest(): T | undefined {
    const queues = [...this.#workspaces.values()].reduce<DeploymentQueues<T>>((most, one) => (sizeOf(one) >= sizeOf(most) ? one : most), new Map())
    const longest = [...queues.values()].reduce<T[]>((most, queue) => (queue.length >= most.length ? queue : most), [])
    return longest.at(-1)
  }

  /** Removes and returns all items. */
  clear(): T[] {
    const all = [...this.#workspaces.values()].flatMap((queues) => [...queues.values()].flat())
    this.#workspaces.clear()
    this.#size = 0
    return all
  }

  #queueOf({ workspaceId, deploymentId = '' }: Owner): T[] {
    const queues = this.#workspaces.get(workspaceId) ?? new Map<string, T[]>()
    const queue = queues.get(deploymentId) ?? []
    queues.set(deploymentId, queue)
    this.#workspaces.set(workspaceId, queues)
    return queue
  }
}
