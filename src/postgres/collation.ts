import type { ClientBase } from 'pg'

/**
 * Rebuilds the index on names when Postgres has another version of ICU, whose sort order can differ: rows would be
 * missing in an index with the old order. Called under the lock of the migrations.
 */
export async function refreshNameOrder(connection: ClientBase): Promise<void> {
  const { rows } = await connection.query(
    "select collversion is distinct from pg_collation_actual_version(oid) as moved from pg_collation where collname = 'names' and collnamespace = current_schema()::regnamespace",
  )
  if (!rows[0]?.moved) return
  await connection.query('reindex index deployments_workspace_name')
  await connection.query('alter collation names refresh version')
}
