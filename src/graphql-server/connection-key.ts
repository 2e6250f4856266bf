/**
 * The key's header in the payload of `connection_init`. Header names are not case-sensitive, so neither is this one,
 * and clients put it at the top or into `headers`.
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

/** Says what to change about a key that lets nobody in. */
export function explainRefusal(authorization: string | undefined): string {
  if (!authorization) return 'Send { "authorization": "Bearer <key>" } in connection_init.'
  if (!/^Bearer\s/i.test(authorization)) return 'Write "Bearer " before the key: { "authorization": "Bearer <key>" } in connection_init.'
  return 'This key is unknown, revoked or expired. Send another one in connection_init.'
}
