import { type Column, or, type SQL, sql } from 'drizzle-orm'
import { type ZodType, z } from 'zod'
import { ValidationError } from './errors.ts'

// Control characters, lone surrogates, and the marks that reorder text around them; line breaks are
// allowed only where prose is. Five combining marks in a row are no language.
const unusable = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u
const piledMarks = /\p{M}{5}/u
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u
/** White space between words, the blank of Braille included. */
const blanks = /[\p{Zs}\u2800]+/gu
const invisible = /\p{Default_Ignorable_Code_Point}/u
/** Where invisible characters decide what is seen: emoji, and the scripts whose letters they join or vary. */
const meaningful =
  /\p{RGI_Emoji}|\p{Emoji}\uFE0E|[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Nko}\p{Script=Mongolian}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}][\u064B-\u065F]?[\u200C\u200D]|\p{Script=Mongolian}[\u180B-\u180D\u180F]|\p{Script=Han}[\uFE00-\uFE02\u{E0100}-\u{E01EF}]/gv

const codePoints = (text: string) => [...text].length
const tidy = z.string().transform((text) => text.normalize('NFC').trim())
const tidyLine = z.string().transform((text) => text.normalize('NFC').replace(blanks, ' ').trim())

/** A name: 1 to 100 characters on one line, NFC, with single spaces; none that cannot be seen, so that two names that differ look different. */
export const nameText = tidyLine
  .refine((text) => codePoints(text) >= 1 && codePoints(text) <= 100, 'must have 1 to 100 characters')
  .refine((text) => !unusable.test(text) && !piledMarks.test(text), 'must not hold control characters or marks that change how text is shown')
  .refine((text) => !invisible.test(text.replace(meaningful, '')), 'must not hold invisible characters, such as zero-width spaces; type it again by hand')
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

/**
 * What two names have in common if they look the same: compatibility forms, case, invisible characters and
 * white space do not count. A function in Postgres, since the unique indexes on names are over it.
 */
export const nameKey = (name: Column | SQL | string): SQL<string> => sql`name_key(${name})`

/** How names are sorted: as people do, accents and case beside their letters, numbers by their value; alike in every Postgres. */
export const sortable = (name: Column | SQL | string): SQL<string> => sql`${name} collate names`

/** Rows with the text in any of the columns, compared as names are; no text, no condition. */
export function contains(text: string | null | undefined, ...columns: Column[]): SQL | undefined {
  if (!text) return undefined
  // Text that has nothing to compare is in no row, rather than in every one.
  const wanted = nameKey(storable(text))
  return sql`(${wanted} <> '' and ${or(...columns.map((column) => sql`strpos(${nameKey(column)}, ${wanted}) > 0`))})`
}

/** The pattern of LIKE for keys that contain the text's; for `search_key`, where an index answers it. */
export const toSearchPattern = (text: string): SQL<string> => sql`'%' || regexp_replace(${nameKey(storable(text))}, '([\\\\%_])', '\\\\\\1', 'g') || '%'`

/** Text without what Postgres cannot hold, for comparing: no stored text has it either. */
export const storable = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD')

/** A moment as cursors hold it. */
export const momentText = z.string().refine((text) => parseMoment(text) !== undefined)

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

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/**
 * The moment that an RFC 3339 text means; undefined when it is not one. Dates that no calendar has are refused
 * rather than moved, and so are years that Postgres cannot store. Leap seconds are refused, since neither
 * JavaScript nor Postgres can hold them.
 */
export function parseMoment(text: string): Date | undefined {
  const [, year, month, day] = rfc3339.exec(text) ?? []
  if (!isDay(Number(year), Number(month), Number(day))) return undefined
  const moment = new Date(text.toUpperCase())
  // In UTC, since the offset can move the moment into another year.
  return moment.getUTCFullYear() >= 1 && moment.getUTCFullYear() <= 9999 ? moment : undefined
}

function isDay(year: number, month: number, day: number): boolean {
  // Date.UTC takes years below 100 for those of the 20th century; the calendar repeats after 400 years.
  const date = new Date(Date.UTC(year + 2000, month - 1, day))
  return year >= 1 && month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}
