// The two documents of a backup: the manifest, which comes first, and the sums, which come last.
import { z } from 'zod'

/** The version of the format. A change that an older program cannot read raises it. */
export const format = 1

/** The names of the entries of the archive. */
export const manifestName = 'manifest.json'
export const sumsName = 'sums.json'
/** The size of a part of a table; the last one is smaller. */
export const partBytes = 4e6
export const partName = (table: string, part: number) => `tables/${table}/${String(part).padStart(6, '0')}`
export const tableOfPart = (name: string) => /^tables\/(\w+)\/\d{6,}$/.exec(name)?.[1]

const name = z.string().regex(/^\w+$/)

export const manifestSchema = z.object({
  format: z.int(),
  /** Of the program that made the backup. */
  version: z.string(),
  createdAt: z.iso.datetime({ offset: true }),
  /** The migrations of the database, the oldest first. */
  migrations: z.array(z.string()).min(1),
  /** In the order of the archive. A table's rows are the text of COPY, for these columns. */
  tables: z.array(z.object({ name, columns: z.array(name).min(1) })),
  sequences: z.array(z.object({ name, value: z.string(), isCalled: z.boolean() })),
})
export type Manifest = z.infer<typeof manifestSchema>

export const sumsSchema = z.object({
  manifest: z.string(),
  tables: z.record(z.string(), z.object({ rows: z.int(), bytes: z.int(), sha256: z.string() })),
})
export type Sums = z.infer<typeof sumsSchema>
