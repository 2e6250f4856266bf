import DataLoader from 'dataloader'

const maxBatchSize = 1000

/**
 * Sends one statement at a time. Callers that arrive while a statement runs, as when many sockets open again at once,
 * share the next statement, which therefore reads what was committed before they called.
 */
export function createLookUp<Key, Found>(find: (keys: readonly Key[]) => Promise<(key: Key) => Found>): DataLoader<Key, Found> {
  let asking: Promise<unknown> = Promise.resolve()
  return new DataLoader<Key, Found>(
    async (keys) => {
      const found = find([...new Set(keys)])
      asking = found.catch(() => {})
      return keys.map(await found)
    },
    { cache: false, maxBatchSize, batchScheduleFn: (ask) => void asking.then(ask) },
  )
}
