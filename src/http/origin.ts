/** True if the origin is that of the dashboard: the request's host, or the public URL, since a proxy can change the host. */
export function isOwnOrigin(origin: string, host: string | undefined, publicUrl: string): boolean {
  if (!URL.canParse(origin)) return false
  const [page, own] = [new URL(origin), new URL(publicUrl)]
  if (page.origin === own.origin) return true
  // With an https URL, a page over http can come from an attacker on the network.
  return page.host === host && (page.protocol === own.protocol || own.protocol === 'http:' || isLoopback(page.hostname))
}

const isLoopback = (hostname: string) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
