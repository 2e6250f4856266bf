export type InTurn = <T>(key: string, run: () => Promise<T>) => Promise<T>

/** Runs the calls with the same key one after the other in this process. A failed call does not stop those behind it. */
export function createTurns(): InTurn {
  /** The end of the last call of each key. */
  const last = new Map<string, Promise<unknown>>()
  return (key, run) => {
    const result = (last.get(key) ?? Promise.resolve()).then(run)
    const settled = result.then(
      () => {},
      () => {},
    )
    last.set(key, settled)
    void settled.then(() => {
      if (last.get(key) === settled) last.delete(key)
    })
    return result
  }
}
