/** The headers of every answer. A route that serves files or pages replaces the policy and the caching by its own. */
export const defaultHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  // Most answers depend on a key or hold private data.
  'cache-control': 'no-store',
} as const

/**
 * The header that makes browsers use https from now on, for a server that is reached by it. HSTS holds for a host
 * with all its ports, so it is left out where the public URL has a port of its own: another site may be beside it.
 */
export function findStrictTransport(publicUrl: string | undefined): Record<string, string> {
  const url = publicUrl ? new URL(publicUrl) : undefined
  return url?.protocol === 'https:' && !url.port ? { 'strict-transport-security': 'max-age=31536000' } : {}
}
