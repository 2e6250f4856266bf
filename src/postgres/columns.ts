import { sql } from 'drizzle-orm'
import { timestamp, uuid } from 'drizzle-orm/pg-core'

// Columns that most tables have.
export const id = () => uuid().primaryKey().default(sql`uuidv7()`)
// Milliseconds, as JavaScript dates have them: a finer column would not survive the way there and back.
export const time = () => timestamp({ withTimezone: true, precision: 3, mode: 'date' })
export const createdAt = () => time().notNull().default(sql`now()`)
