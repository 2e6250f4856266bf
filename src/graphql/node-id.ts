import { GraphQLError } from 'graphql'
import type { ModelKind } from '../postgres/tables.ts'

/** The id under which nothing is ever found. */
const nowhere = '00000000-0000-0000-0000-000000000000'
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const split = (id: string) => Buffer.from(id, 'base64').toString().split(':')

/** The row that a global id in a filter means. A filter that cannot match is a mistake of the caller, so it is refused rather than ignored. */
export function decodeFilterId(path: string, typenames: readonly string[], id: string): string {
  const type = typeOfNodeId(id)
  const key = typenames.includes(type) ? decodeNodeId(type, id) : nowhere
  if (key !== nowhere) return key
  throw new GraphQLError(`${path} is not an id of ${typenames.join(' or ')}. Use an id that this API gave, or leave it out.`, {
    extensions: { code: 'BAD_USER_INPUT', path },
  })
}

/** The type that a global id claims; an empty string for garbage. */
export const typeOfNodeId = (id: string) => split(id)[0] ?? ''

/**
 * The row that a global id means, when it is an id of that type. Garbage and other types' ids come out
 * as an id that exists nowhere, so they are "not found" like any other, and never reach Postgres as nonsense.
 */
export function decodeNodeId(typename: string, id: string): string {
  const [type, key, ...more] = split(id)
  return type === typename && key && uuid.test(key) && more.length === 0 ? key : nowhere
}

/** The kind and the row of a model's global id. */
export function decodeModelId(id: string): { kind: ModelKind; id: string } {
  const type = typeOfNodeId(id) === 'AcousticModel' ? 'AcousticModel' : 'LanguageModel'
  return { kind: type === 'AcousticModel' ? 'ACOUSTIC' : 'LANGUAGE', id: decodeNodeId(type, id) }
}
