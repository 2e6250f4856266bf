import { type Column, type SQL, sql } from 'drizzle-orm'
import { timestamp, uuid } from 'drizzle-orm/pg-core'

// Columns that most tables have.
export const id = () => uuid().primaryKey().default(sql`uuidv7()`)
// Milliseconds, the precision of JavaScript dates: a finer time would change when it is read and written again.
export const time = () => timestamp({ withTimezone: true, precision: 3, mode: 'date' })
export const createdAt = () => time().notNull().default(sql`now()`)

/** The condition that a column has one of the values. They are one parameter, so lists of any length share a prepared statement. */
export const isAnyOf = (column: Column, values: readonly string[], type: 'uuid' | 'text' = 'uuid'): SQL => sql`${column} = any(${list(values, type)})`
/** The condition that a column has none of the values, in the same way. */
export const isNoneOf = (column: Column, values: readonly string[]): SQL => sql`${column} <> all(${list(values, 'uuid')})`

const list = (values: readonly string[], type: 'uuid' | 'text') => sql`${sql.param([...values])}::${sql.raw(type)}[]`
