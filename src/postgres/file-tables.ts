import { bigint, bytea, index, integer, primaryKey, snakeCase, text, uuid } from 'drizzle-orm/pg-core'
import { createdAt } from './columns.ts'

/** The files that were uploaded or generated, by their content. A file without a row here does not exist. */
export const storedFiles = snakeCase.table(
  'stored_files',
  {
    sha256: text().primaryKey(),
    size: bigint({ mode: 'number' }).notNull(),
    /** The bytes: each writer stores its own copy, and the first that is complete counts. */
    copyId: uuid().notNull(),
    /** The number of chunks; null for a copy in the object store. */
    chunks: integer(),
    /** The time at which the file was last written, also when it was there already. */
    storedAt: createdAt(),
  },
  (t) => [index().on(t.copyId)],
)

/** The bytes of files, uncompressed, in chunks of at most 1 MB. The migration sets the storage of the column. */
export const fileChunks = snakeCase.table(
  'file_chunks',
  {
    /** A UUID version 7 of the database, so that the age of an incomplete copy is known. */
    copyId: uuid().notNull(),
    position: integer().notNull(),
    bytes: bytea().notNull(),
  },
  (t) => [primaryKey({ columns: [t.copyId, t.position] })],
)

/**
 * The copies of this database in the object store: written before the first byte of the object, and removed after it.
 * Other objects of the bucket are not ours.
 */
export const objectCopies = snakeCase.table('object_copies', {
  /** A UUID version 7 of the database, as of a file's copy. */
  copyId: uuid().primaryKey(),
})
