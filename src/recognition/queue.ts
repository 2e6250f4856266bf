/** A queue in which each owner has a line of their own, and the owners take turns. */
export class FairQueue<T> {
  readonly #lines = new Map<string, T[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(owner: string, item: T): void {
    const line = this.#lines.get(owner)
    if (line) line.push(item)
    else this.#lines.set(owner, [item])
    this.#size++
  }

  /** Puts an item before all others of its owner. */
  pushFirst(owner: string, item: T): void {
    const line = this.#lines.get(owner)
    if (line) line.unshift(item)
    else this.#lines.set(owner, [item])
    this.#size++
  }

  /**
   * Takes the first item that fits, asking each owner's first in turn; the owner's next turn comes after
   * everybody else's, and whoever was passed over keeps theirs.
   */
  take(fits: (item: T) => boolean = () => true): T | undefined {
    for (const [owner, line] of this.#lines) {
      const item = line[0] as T
      if (!fits(item)) continue
      line.shift()
      this.#lines.delete(owner)
      if (line.length) this.#lines.set(owner, line)
      this.#size--
      return item
    }
    return undefined
  }

  /** Answers whether the item was still waiting. */
  remove(owner: string, item: T): boolean {
    const line = this.#lines.get(owner)
    const place = line?.indexOf(item) ?? -1
    if (!line || place < 0) return false
    line.splice(place, 1)
    if (!line.length) this.#lines.delete(owner)
    this.#size--
    return true
  }

  /** Takes everything that waits for one owner, in order. */
  removeAll(owner: string): T[] {
    const line = this.#lines.get(owner) ?? []
    this.#lines.delete(owner)
    this.#size -= line.length
    return line
  }

  /** The item that would be taken last of the owner who has most of them; of several such owners, the one whose turn is last. */
  get lastOfLongest(): T | undefined {
    const longest = [...this.#lines.values()].reduce<T[]>((most, line) => (line.length >= most.length ? line : most), [])
    return longest.at(-1)
  }

  /** Takes everything. */
  clear(): T[] {
    const all = [...this.#lines.values()].flat()
    this.#lines.clear()
    this.#size = 0
    return all
  }
}
