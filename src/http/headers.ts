/** The headers of every response. Routes that serve files or pages replace the policy and the caching. */
export const defaultHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  // Most responses depend on a key or contain private data.
  'cache-control': 'no-store',
} as const

/**
 * The header Strict-Transport-Security for a server with an https URL. HSTS applies to all ports of a host, so a public
 * URL with a port has no such header: the host can have another site.
 */
export function findStrictTransport(publicUrl: string | undefined): Record<string, string> {
  const url = publicUrl ? new URL(publicUrl) : undefined
  return url?.protocol === 'https:' && !url.port ? { 'strict-transport-security': 'max-age=31536000' } : {}
}
