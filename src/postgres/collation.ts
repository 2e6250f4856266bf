import type { Connection } from './connection.ts'

/**
 * Rebuilds the index on names when Postgres has another version of ICU, whose sort order can differ: rows would be
 * missing in an index with the old order. Called under the lock of the migrations.
 */
export async function refreshNameOrder(connection: Connection): Promise<void> {
  const [collation] = await connection.send(
    "select collversion is distinct from pg_collation_actual_version(oid) as moved from pg_collation where collname = 'names' and collnamespace = current_schema()::regnamespace",
  )
  if (!collation?.['moved']) return
  await connection.send('reindex index deployments_workspace_name')
  await connection.send('alter collation names refresh version')
}
