import { GraphQLError } from 'graphql'
import type { ModelKind } from '../postgres/tables.ts'

/** An id that no row has. */
const unusedId = '00000000-0000-0000-0000-000000000000'
/** The limit on the ids of one `nodes` field. */
export const maxNodes = 100
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** The id of a revision: the id of its deployment and its number. */
const revisionKey = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[1-9]\d{0,8}$/

const split = (id: string) => Buffer.from(id, 'base64').toString().split(':')

/** Decodes a global id in a filter. Throws for an id of another type, because the filter cannot match any row. */
export function decodeFilterId(path: string, typenames: readonly string[], id: string): string {
  const type = typeOfNodeId(id)
  const key = typenames.includes(type) ? decodeNodeId(type, id) : unusedId
  if (key !== unusedId) return key
  throw new GraphQLError(`${path} is not an id of ${typenames.join(' or ')}. Use an id that this API returned, or omit ${path}.`, {
    extensions: { code: 'BAD_USER_INPUT', path },
  })
}

/** The type in a global id; an empty string for an invalid id. */
export const typeOfNodeId = (id: string) => split(id)[0] ?? ''

/**
 * Decodes a global id of the type. An invalid id or an id of another type becomes an id that no row has: the look-up finds
 * nothing, and Postgres receives a valid UUID.
 */
export function decodeNodeId(typename: string, id: string): string {
  const [type, key, ...more] = split(id)
  const shape = typename === 'Revision' ? revisionKey : uuid
  return type === typename && key && shape.test(key) && more.length === 0 ? key : unusedId
}

/** The kind and the row of a model's global id. */
export function decodeModelId(id: string): { kind: ModelKind; id: string } {
  const type = typeOfNodeId(id) === 'AcousticModel' ? 'AcousticModel' : 'LanguageModel'
  return { kind: type === 'AcousticModel' ? 'ACOUSTIC' : 'LANGUAGE', id: decodeNodeId(type, id) }
}
