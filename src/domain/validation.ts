import { type Column, or, type SQL, sql } from 'drizzle-orm'
import { type ZodType, z } from 'zod'
import { ValidationError } from './errors.ts'

// Control characters, lone surrogates, and marks that reorder the text around them. Only descriptions can have line
// breaks. No language has five combining marks in a row.
const unusable = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u
const piledMarks = /\p{M}{5}/u
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u
/** White space between words, including the blank Braille pattern. */
const blanks = /[\p{Zs}\u2800]+/gu
const invisible = /\p{Default_Ignorable_Code_Point}/u
/** Sequences in which invisible characters change the display: emoji, and scripts whose letters they join or vary. */
const meaningful =
  /\p{RGI_Emoji}|\p{Emoji}\uFE0E|[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Nko}\p{Script=Mongolian}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}][\u064B-\u065F]?[\u200C\u200D]|\p{Script=Mongolian}[\u180B-\u180D\u180F]|\p{Script=Han}[\uFE00-\uFE02\u{E0100}-\u{E01EF}]/gv

const codePoints = (text: string) => [...text].length
const tidy = z.string().transform((text) => text.normalize('NFC').trim())
const tidyLine = z.string().transform((text) => text.normalize('NFC').replace(blanks, ' ').trim())

/** A name: 1 to 100 characters on one line, NFC, with single spaces and no invisible characters, so that different names look different. */
export const nameText = tidyLine
  .refine((text) => codePoints(text) >= 1 && codePoints(text) <= 100, 'must have 1 to 100 characters')
  .refine((text) => !unusable.test(text) && !piledMarks.test(text), 'must not contain control characters or marks that change how text is shown')
  .refine((text) => !invisible.test(text.replace(meaningful, '')), 'must not contain invisible characters, such as zero-width spaces; type the text again')
  .refine((text) => text === '' || visible.test(text), 'must contain a visible character')

/** A description: up to 1,000 characters. Line breaks and tabs are allowed. */
export const proseText = tidy
  .refine((text) => codePoints(text) <= 1000, 'must have at most 1,000 characters')
  .refine(
    (text) => !unusable.test(text.replace(/[\n\r\t]/g, ' ')) && !piledMarks.test(text),
    'must not contain control characters or marks that change how text is shown',
  )

/** A text in a cursor that Postgres can compare. */
export const keyText = z
  .string()
  .max(400)
  .regex(/^[^\0\p{Cs}]*$/u)

/**
 * The form in which names are compared: without differences of compatibility forms, case, invisible characters and
 * white space. A function in Postgres, since the unique indexes on names use it.
 */
export const nameKey = (name: Column | SQL | string): SQL<string> => sql`name_key(${name})`

/** The sort order of names: accents and case after letters, numbers by value; the same in every Postgres. */
export const sortable = (name: Column | SQL | string): SQL<string> => sql`${name} collate names`

/** The condition that any of the columns contains the text, compared as names are; undefined without a text. */
export function contains(text: string | null | undefined, ...columns: Column[]): SQL | undefined {
  if (!text) return undefined
  // A text without comparable characters matches no row, rather than every row.
  const wanted = nameKey(storable(text))
  return sql`(${wanted} <> '' and ${or(...columns.map((column) => sql`strpos(${nameKey(column)}, ${wanted}) > 0`))})`
}

/** The LIKE pattern of keys that contain the key of the text. The index of `search_key` answers it. */
export const toSearchPattern = (text: string): SQL<string> => sql`'%' || regexp_replace(${nameKey(storable(text))}, '([\\\\%_])', '\\\\\\1', 'g') || '%'`

/** The text with characters that Postgres cannot store replaced, for comparisons. */
export const storable = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD')

/** A time in a cursor. */
export const momentText = z.string().refine((text) => parseMoment(text) !== undefined)

/** The parsed input, or an error with the first problem of every invalid field. */
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
 * Parses an RFC 3339 time; undefined when the text is not one. Also undefined for days that do not exist, for years
 * that Postgres cannot store, and for leap seconds, which neither JavaScript nor Postgres supports.
 */
export function parseMoment(text: string): Date | undefined {
  const [, year, month, day] = rfc3339.exec(text) ?? []
  if (!isDay(Number(year), Number(month), Number(day))) return undefined
  const moment = new Date(text.toUpperCase())
  // In UTC, since the offset can change the year.
  return moment.getUTCFullYear() >= 1 && moment.getUTCFullYear() <= 9999 ? moment : undefined
}

function isDay(year: number, month: number, day: number): boolean {
  // Date.UTC maps years below 100 to the 20th century. The calendar repeats after 400 years.
  const date = new Date(Date.UTC(year + 2000, month - 1, day))
  return year >= 1 && month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

/** The maximum length of a tag, which bounds the work for a text from a client. */
const maxTagLength = 35

/**
 * The canonical form of a BCP 47 tag, such as en-US for en-us: tags are not case-sensitive. An underscore between
 * subtags, as in Unicode locale identifiers, equals a hyphen. Undefined when the text is not a tag.
 */
export function canonicalizeTag(text: string): string | undefined {
  if (text.length > maxTagLength) return undefined
  try {
    return Intl.getCanonicalLocales(text.replaceAll('_', '-'))[0]
  } catch {
    return undefined
  }
}
