import { sql } from 'drizzle-orm'
import { timestamp, uuid } from 'drizzle-orm/pg-core'

// Columns that most tables have.
export const id = () => uuid().primaryKey().default(sql`uuidv7()`)
// Milliseconds, the precision of JavaScript dates: a finer time would change when it is read and written again.
export const time = () => timestamp({ withTimezone: true, precision: 3, mode: 'date' })
export const createdAt = () => time().notNull().default(sql`now()`)
