import { type Column, ilike, or, type SQL } from 'drizzle-orm'
import { type ZodType, z } from 'zod'
import { ValidationError } from './errors.ts'

// Control characters, lone surrogates, and the marks that reorder text around them; line breaks are
// allowed only where prose is. Five combining marks in a row are no language.
const unusable = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u
const piledMarks = /\p{M}{5}/u
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u

const codePoints = (text: string) => [...text].length
const tidy = z.string().transform((text) => text.normalize('NFC').trim())

/** A name: 1 to 100 visible characters after trimming, NFC, on one line. */
export const nameText = tidy
  .refine((text) => codePoints(text) >= 1 && codePoints(text) <= 100, 'must have 1 to 100 characters')
  .refine((text) => !unusable.test(text) && !piledMarks.test(text), 'must not hold control characters or marks that change how text is shown')
  .refine((text) => text === '' || visible.test(text), 'must hold a visible character')

/** A description: up to 1,000 characters, line breaks and tabs allowed. */
export const proseText = tidy
  .refine((text) => codePoints(text) <= 1000, 'must have at most 1,000 characters')
  .refine(
    (text) => !unusable.test(text.replace(/[\n\r\t]/g, ' ')) && !piledMarks.test(text),
    'must not hold control characters or marks that change how text is shown',
  )

/** Text that Postgres can compare, as cursors hold it. */
export const keyText = z
  .string()
  .max(400)
  .regex(/^[^\0\p{Cs}]*$/u)

/** Rows with the text in any of the columns, whatever its case; no text, no condition. */
export function contains(text: string | null | undefined, ...columns: Column[]): SQL | undefined {
  if (!text) return undefined
  const pattern = `%${storable(text).replace(/[\\%_]/g, '\\$&')}%`
  return or(...columns.map((column) => ilike(column, pattern)))
}

/** Text without what Postgres cannot hold, for comparing: no stored text has it either. */
export const storable = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD')

/** The parsed input, or every bad field at once, each with the first thing that is wrong with it. */
export function validate<T>(schema: ZodType<T>, input: unknown): T | ValidationError {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const problems = new Map<string, string>()
  for (const { path, message } of parsed.error.issues) {
    const field = path.join('.')
    if (!problems.has(field)) problems.set(field, `${field} ${message}`)
  }
  return new ValidationError([...problems].map(([path, message]) => ({ path, message })))
}
