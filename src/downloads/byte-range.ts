interface ByteRange {
  start: number
  /** The last byte. */
  end: number
}

/**
 * Reads the header Range (RFC 9110) of a request for `total` bytes. Undefined for the whole content: without the header, and for
 * other units or several ranges, which a server can ignore.
 */
export function readRange(header: string | undefined, total: number): ByteRange | 'UNSATISFIABLE' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (!first && !last) return undefined
  if (!first) return Number(last) === 0 ? 'UNSATISFIABLE' : { start: Math.max(0, total - Number(last)), end: total - 1 }
  if (last && Number(last) < Number(first)) return undefined
  return Number(first) >= total ? 'UNSATISFIABLE' : { start: Number(first), end: Math.min(total - 1, last ? Number(last) : total - 1) }
}
