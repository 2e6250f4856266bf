/** Whether a page of this origin is ours: from the host that was called, or from the public URL, whatever a proxy makes of the host. */
export function isOwnOrigin(origin: string, host: string | undefined, publicUrl: string): boolean {
  if (!URL.canParse(origin)) return false
  const [page, own] = [new URL(origin), new URL(publicUrl)]
  if (page.origin === own.origin) return true
  // Where we are reached by https, a page that came by http may be anybody's on the way.
  return page.host === host && (page.protocol === own.protocol || own.protocol === 'http:' || isLoopback(page.hostname))
}

const isLoopback = (hostname: string) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
