// The tables of an installation, whatever they are: what a backup reads, and what a restore changes around them.
import type { Connection } from '../postgres/connection.ts'
import type { Manifest } from './manifest.ts'

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

const ofOurSchema = 'relnamespace = current_schema()::regnamespace'

/** Locks all tables against changes of their columns, and begins a transaction with one view of all rows. */
export async function beginReading(connection: Connection): Promise<void> {
  const tables = await connection.send(`select relname from pg_class where relkind = 'r' and ${ofOurSchema} order by relname`)
  await connection.send('begin isolation level repeatable read, read only')
  // Before the first query, which fixes the view.
  if (tables.length) await connection.send(`lock table ${tables.map((row) => quote(row['relname'])).join(', ')} in access share mode`)
}

export async function listTables(connection: Connection): Promise<Manifest['tables']> {
  const rows = await connection.send(`
    select relname as name, array_agg(attname::text order by attnum) as columns
    from pg_class join pg_attribute on attrelid = pg_class.oid
    where relkind = 'r' and ${ofOurSchema} and attnum > 0 and not attisdropped and attgenerated = ''
    group by relname order by relname`)
  return rows.map((row) => ({ name: row['name'], columns: row['columns'] }))
}

/** The tables of a backup. The counts of running processes belong to no other moment. */
export const listKeptTables = async (connection: Connection) => (await listTables(connection)).filter(({ name }) => name !== 'process_counts')

export async function listSequences(connection: Connection): Promise<Manifest['sequences']> {
  const sequences: Manifest['sequences'] = []
  for (const row of await connection.send(`select relname as name from pg_class where relkind = 'S' and ${ofOurSchema} order by relname`)) {
    const [state] = await connection.send(`select last_value::text as value, is_called from ${quote(row['name'])}`)
    sequences.push({ name: row['name'], value: state?.['value'], isCalled: state?.['is_called'] })
  }
  return sequences
}

export const setSequence = (connection: Connection, { name, value, isCalled }: Manifest['sequences'][number]) =>
  connection.send('select setval($1::regclass, $2::bigint, $3::boolean)', [quote(name), value, isCalled])

export const columnsOf = ({ name, columns }: Manifest['tables'][number]) => `${quote(name)} (${columns.map(quote).join(', ')})`

/**
 * Runs `load` on empty tables without foreign keys and without triggers, which would count rows that the counters of the
 * backup contain already. The foreign keys are checked when they are added again. Belongs in a transaction.
 */
export async function whileLoading(connection: Connection, load: () => Promise<void>): Promise<void> {
  const keys = await connection.send(`
    select conrelid::regclass::text as table, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace order by oid`)
  const tables = (await listTables(connection)).map(({ name }) => quote(name))
  for (const { table, name } of keys) await connection.send(`alter table ${table} drop constraint ${name}`)
  for (const table of tables) await connection.send(`alter table ${table} disable trigger user`)
  // A migration can have written rows.
  await connection.send(`truncate ${tables.join(', ')}`)
  await load()
  for (const table of tables) await connection.send(`alter table ${table} enable trigger user`)
  for (const { table, name, definition } of keys) await connection.send(`alter table ${table} add constraint ${name} ${definition}`)
}
