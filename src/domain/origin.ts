/** Whether a page of this origin is ours: from the host that was called, or from the public URL, whatever a proxy makes of the host. */
export function isOwnOrigin(origin: string, host: string | undefined, publicUrl: string): boolean {
  if (!URL.canParse(origin)) return false
  return new URL(origin).host === host || origin === new URL(publicUrl).origin
}
