// How values are written to Postgres and read from it: as text, alike for the query builder and the queue.
import type { PostgresType } from 'postgres'

/**
 * The text of a value, which Postgres can read for every type of column. postgres.js receives only text, because an
 * error of its serializers fails another statement, and later answers go to the wrong statements.
 */
export function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (typeof value !== 'object') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return Array.isArray(value) ? toArrayText(value) : JSON.stringify(value)
}

function toArrayText(items: readonly unknown[]): string {
  const texts = items.map((item) => (Array.isArray(item) ? toArrayText(item) : quote(toText(item))))
  return `{${texts.join(',')}}`
}

const quote = (text: string | null) => (text === null ? 'NULL' : `"${text.replace(/[\\"]/g, '\\$&')}"`)

type Parse = (text: string) => unknown

const arrayTokens = /"((?:[^"\\]|\\.)*)"|([{}])|([^",{}]+)/gs

/** The items of a Postgres array of any depth. */
function parseArray(text: string, parse: Parse): unknown[] {
  if (text === '{}') return []
  const outer: unknown[] = []
  const open = [outer]
  for (const [, quoted, brace, plain] of text.matchAll(arrayTokens)) {
    if (brace === '{') {
      const inner: unknown[] = []
      open.at(-1)?.push(inner)
      open.push(inner)
    } else if (brace === '}') open.pop()
    else open.at(-1)?.push(plain === 'NULL' ? null : parse(plain ?? quoted?.replace(/\\(.)/gs, '$1') ?? ''))
  }
  return outer[0] as unknown[]
}

const asText: Parse = (text) => text
const asNumber: Parse = Number
const asBoolean: Parse = (text) => text === 't'
const asDate: Parse = (text) => new Date(text)

// By the numbers that Postgres gives its types. Numbers that JavaScript could not hold, bigint and numeric, stay text.
const bool = 16
const bytea = 17
const numbers = [21, 23, 26, 700, 701]
const json = [114, 3802]
const dates = [1082, 1114, 1184]
const arrays: [type: number, parse: Parse][] = [
  ...[1005, 1007, 1028, 1021, 1022].map((type): [number, Parse] => [type, asNumber]),
  ...[1002, 1009, 1014, 1015, 1016, 2951].map((type): [number, Parse] => [type, asText]),
  ...[199, 3807].map((type): [number, Parse] => [type, JSON.parse]),
  [1000, asBoolean],
]

const reading = (from: number[], parse: Parse): PostgresType => ({ to: from[0] ?? 0, from, serialize: asText as (text: unknown) => unknown, parse })

/** What postgres.js is to do with values: to write texts as they are, and to read those types that are more than text. */
export const textTypes = {
  number: reading(numbers, asNumber),
  json: reading(json, JSON.parse),
  boolean: reading([bool], asBoolean),
  bytea: reading([bytea], (text) => Buffer.from(text.slice(2), 'hex')),
  date: reading(dates, asText),
  ...Object.fromEntries(arrays.map(([type, parse]) => [`array${type}`, reading([type], (text) => parseArray(text, parse))])),
} satisfies Record<string, PostgresType>

/** The same with JavaScript's dates for those of Postgres; the query builder makes its own of texts. */
export const dateTypes = { ...textTypes, date: reading(dates, asDate) }
