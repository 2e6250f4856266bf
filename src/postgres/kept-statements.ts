import type { Db } from './client.ts'

/** A statement whose text and reader of rows exist already. It takes the values of its placeholders. */
interface KeptStatement<Rows> {
  execute(values: Record<string, unknown>): Promise<Rows>
}

const maxKept = 100

/**
 * Keeps statements that many requests share, for each client of Postgres by name. Without this, the query builder writes
 * the text of a statement again for each request. A transaction is a client too, and keeps nothing after its end.
 */
export function keepStatements<Rows>() {
  const kept = new WeakMap<Db, Map<string, KeptStatement<Rows>>>()
  return (db: Db, name: string, build: (db: Db) => KeptStatement<Rows>): KeptStatement<Rows> => {
    const statements = kept.get(db) ?? new Map<string, KeptStatement<Rows>>()
    const found = statements.get(name)
    if (found) return found
    const built = build(db)
    // A name can contain a choice of the client, such as the size of a page.
    if (statements.size >= maxKept) statements.clear()
    kept.set(db, statements.set(name, built))
    return built
  }
}
