// WebM is Matroska (RFC 9559), which is written in EBML (RFC 8794): elements of an id, a size and a content,
// some of which hold elements in turn. Browsers record it: a stream of small blocks, each one packet of Opus.

/** Elements whose content is walked through; those of all others are read or skipped. */
const holders = new Set([0x18538067, 0x1654ae6b, 0xae, 0x1f43b675, 0xa0])
const ids = { trackEntry: 0xae, trackNumber: 0xd7, codec: 0x86, codecPrivate: 0x63a2, cluster: 0x1f43b675, simpleBlock: 0xa3, block: 0xa1 }
const readable = new Set([ids.trackNumber, ids.codec, ids.codecPrivate, ids.simpleBlock, ids.block])
/** No packet of Opus is larger. */
const mostContent = 1 << 16

export interface OpusTrack {
  channels: number
  /** Samples at 48 kHz to leave out at the beginning. */
  preSkip: number
}

/** The file is no WebM, is broken, or is not coded as Opus. */
export class WebmError extends Error {
  override name = 'WebmError'
}

/** Finds the first track of Opus in a WebM file that comes piece by piece, and its packets. */
export class WebmReader {
  #rest = new Uint8Array(0)
  #toSkip = 0
  #isBegun = false
  #tracks: { number: number; codec: string; head: Uint8Array | undefined }[] = []
  #number: number | undefined
  #track: OpusTrack | undefined

  /** Known before the first packet is. */
  get track(): OpusTrack | undefined {
    return this.#track
  }

  /** The packets that have come to their end with these bytes; throws {@link WebmError}. */
  push(bytes: Uint8Array): Uint8Array[] {
    const packets: Uint8Array[] = []
    let rest = this.#rest.length ? concat(this.#rest, bytes) : bytes
    for (;;) {
      const skipped = Math.min(this.#toSkip, rest.length)
      this.#toSkip -= skipped
      rest = rest.subarray(skipped)
      const element = this.#toSkip ? undefined : readHeader(rest)
      if (!element) break
      const { id, size, content } = element
      if (!this.#isBegun && id !== 0x1a45dfa3) throw new WebmError('It does not begin as WebM does.')
      this.#isBegun = true
      if (holders.has(id)) {
        this.#enter(id)
        rest = rest.subarray(content)
      } else if (size === undefined) {
        throw new WebmError('An element has no size.')
      } else if (readable.has(id)) {
        if (size > mostContent) throw new WebmError('An element is too large.')
        if (rest.length < content + size) break
        this.#read(id, rest.subarray(content, content + size), packets)
        rest = rest.subarray(content + size)
      } else {
        this.#toSkip = size
        rest = rest.subarray(content)
      }
    }
    // A part of a buffer would keep the whole of it.
    this.#rest = rest.slice()
    return packets
  }

  #enter(id: number) {
    if (id === ids.trackEntry) this.#tracks.push({ number: 0, codec: '', head: undefined })
    if (id === ids.cluster && !this.#track) this.#choose()
  }

  #read(id: number, content: Uint8Array, packets: Uint8Array[]) {
    const track = this.#tracks.at(-1)
    if (id === ids.simpleBlock || id === ids.block) this.#readBlock(content, packets)
    else if (!track) return
    else if (id === ids.trackNumber) track.number = content.reduce((sum, byte) => sum * 256 + byte, 0)
    else if (id === ids.codec) track.codec = String.fromCharCode(...content.subarray(0, 32))
    else track.head = content.slice()
  }

  #choose() {
    const opus = this.#tracks.find(({ codec }) => codec === 'A_OPUS')
    if (!opus) throw new WebmError(`It holds ${this.#tracks.map(({ codec }) => codec).join(', ') || 'no track'}, but no Opus.`)
    const { head } = opus
    // The identification header of RFC 7845, section 5.1.
    if (!head || head.length < 19 || String.fromCharCode(...head.subarray(0, 8)) !== 'OpusHead') throw new WebmError('Its Opus has no header.')
    this.#number = opus.number
    const channels = head[9] ?? 0
    if (channels < 1) throw new WebmError('Its Opus has no channels.')
    this.#track = { channels, preSkip: (head[10] ?? 0) | ((head[11] ?? 0) << 8) }
  }

  #readBlock(content: Uint8Array, packets: Uint8Array[]) {
    const number = readNumber(content, 0, 8)
    if (!number || content.length < number.end + 3) throw new WebmError('A block is broken.')
    if (number.value !== this.#number) return
    const flags = content[number.end + 2] ?? 0
    if (flags & 0x06) throw new WebmError('Its packets are laced together.')
    packets.push(content.slice(number.end + 3))
  }
}

/** An element's id and size, and where its content begins; undefined when more bytes are needed. */
function readHeader(bytes: Uint8Array): { id: number; size: number | undefined; content: number } | undefined {
  const id = readNumber(bytes, 0, 4)
  const size = id && readNumber(bytes, id.end, 8)
  if (!size) return undefined
  return { id: id.raw, size: size.isAllOnes ? undefined : size.value, content: size.end }
}

/** A number whose length is told by the zeros that it begins with; its value is without the marker, raw with it. */
function readNumber(bytes: Uint8Array, at: number, longest: number) {
  const first = bytes[at]
  if (first === undefined) return undefined
  const length = Math.clz32(first) - 23
  if (length > longest) throw new WebmError('A number is longer than it may be.')
  if (bytes.length < at + length) return undefined
  const marker = 1 << (8 - length)
  let [raw, value, isAllOnes] = [first, first & (marker - 1), (first & (marker - 1)) === marker - 1]
  for (const byte of bytes.subarray(at + 1, at + length)) {
    raw = raw * 256 + byte
    value = value * 256 + byte
    isAllOnes &&= byte === 255
  }
  return { raw, value, isAllOnes, end: at + length }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length)
  whole.set(first)
  whole.set(second, first.length)
  return whole
}
