// Reads and writes protocol buffers without their schema. https://protobuf.dev/programming-guides/encoding

/** The file is not a protocol buffer, or is cut off. */
export class ProtobufError extends Error {}

/** The fields of one message, in order. The caller knows the meaning of each field number. */
export class ProtobufReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  tag(): { field: number; wire: number } {
    const tag = this.number()
    return { field: Math.floor(tag / 8), wire: tag % 8 }
  }

  /** A variable-length number. Numbers beyond the precision of a double occur only in skipped fields. */
  number(): number {
    let value = 0
    for (let n = 0; n < 10; n++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new ProtobufError('the file is cut off')
      value += (byte & 0x7f) * 2 ** (7 * n)
      if (byte < 0x80) return value
    }
    throw new ProtobufError('a number in the file has more than ten bytes')
  }

  message(): ProtobufReader {
    return new ProtobufReader(this.bytes())
  }

  /** The content of a field of bytes, text or a message. */
  bytes(): Uint8Array {
    const length = this.number()
    const from = this.#at
    this.#move(length)
    return this.#bytes.subarray(from, this.#at)
  }

  skip(wire: number): void {
    if (wire === 0) this.number()
    else if (wire === 1) this.#move(8)
    else if (wire === 2) this.#move(this.number())
    else if (wire === 5) this.#move(4)
    else throw new ProtobufError(`the file has a field of an unknown kind (${wire})`)
  }

  #move(count: number) {
    this.#at += count
    if (this.#at > this.#bytes.length) throw new ProtobufError('the file is cut off')
  }
}

/** Field numbers with their values; an array is a repeated field, nested fields are a message. */
export interface ProtobufFields {
  [field: number]: ProtobufValue | readonly ProtobufValue[]
}
type ProtobufValue = number | string | Uint8Array | ProtobufFields

/** Writes a message. Numbers are whole and not negative. */
export function writeProtobuf(fields: ProtobufFields): Uint8Array {
  const parts = Object.entries(fields).flatMap(([field, given]) => {
    const values: readonly ProtobufValue[] = Array.isArray(given) ? given : [given]
    return values.flatMap((value) => writeField(Number(field), value))
  })
  return Buffer.concat(parts)
}

function writeField(field: number, value: ProtobufValue): Uint8Array[] {
  if (typeof value === 'number') return [writeNumber(field * 8), writeNumber(value)]
  const bytes = typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : writeProtobuf(value)
  return [writeNumber(field * 8 + 2), writeNumber(bytes.length), bytes]
}

function writeNumber(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}
