/** The id under which nothing is ever found. */
const nowhere = '00000000-0000-0000-0000-000000000000'
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const split = (id: string) => Buffer.from(id, 'base64').toString().split(':')

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
