/**
 * Finds the authorization in the payload of `connection_init`. Clients send it at the top level or in `headers`. As for
 * headers, the names are not case-sensitive.
 */
export function findAuthorization(payload: unknown): string | undefined {
  return [...valuesOf(payload, 'authorization'), ...valuesOf(payload, 'headers').flatMap((headers) => valuesOf(headers, 'authorization'))]
    .filter((value) => typeof value === 'string')
    .map((value) => value.trim())
    .find(Boolean)
}

const valuesOf = (object: unknown, wanted: string): unknown[] =>
  typeof object === 'object' && object !== null
    ? Object.entries(object)
        .filter(([name]) => name.toLowerCase() === wanted)
        .map(([, value]) => value)
    : []

/** The reason for closing a socket without a valid key, and the remedy. */
export function explainRefusal(authorization: string | undefined): string {
  if (!authorization) return 'The key is missing. Send { "authorization": "Bearer <key>" } in connection_init.'
  if (!/^Bearer\s/i.test(authorization)) return 'Write "Bearer " before the key: { "authorization": "Bearer <key>" } in connection_init.'
  return 'This key is unknown, revoked or expired. Send another key in connection_init.'
}
