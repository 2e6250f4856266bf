import type { AudioErrorCode } from './audio-error.ts'

// The messages of a decoder process: any number of SAMPLES of 16 bits, then one END.
// A message has one byte for its kind, four bytes for the length of its content, and the content.

/** The format of all decoded samples. */
export const decodedFormat = { sampleRate: 16_000, channels: 1 } as const

export type DecoderEnd = { warnings: string[] } | { code: AudioErrorCode; message: string }
export type MessageKind = 'SAMPLES' | 'END'

const kinds = { SAMPLES: 1, END: 2 } as const
const headerBytes = 5
const maxContent = 16 * 2 ** 20

/** `write` returns the number of bytes that it took, which can be fewer than it received, as with pipes. */
export function writeMessage(content: Buffer[], kind: MessageKind, write: (bytes: Buffer) => number): void {
  const header = Buffer.alloc(headerBytes)
  header[0] = kinds[kind]
  header.writeUInt32LE(
    content.reduce((sum, { length }) => sum + length, 0),
    1,
  )
  for (let rest = Buffer.concat([header, ...content]); rest.length; ) rest = rest.subarray(write(rest))
}

/** Joins pieces of any size to messages. */
export class MessageReader {
  #kept: Buffer = Buffer.alloc(0)

  /** The messages that these bytes complete. Throws for bytes that are not a message. */
  read(bytes: Buffer): { kind: MessageKind; content: Buffer }[] {
    this.#kept = this.#kept.length ? Buffer.concat([this.#kept, bytes]) : bytes
    const messages: { kind: MessageKind; content: Buffer }[] = []
    while (this.#kept.length >= headerBytes) {
      const length = this.#kept.readUInt32LE(1)
      const kind = (['SAMPLES', 'END'] as const).find((one) => kinds[one] === this.#kept[0])
      if (!kind || length > maxContent) throw new Error('the decoder sent bytes that are not a message')
      if (this.#kept.length < headerBytes + length) break
      messages.push({ kind, content: this.#kept.subarray(headerBytes, headerBytes + length) })
      this.#kept = this.#kept.subarray(headerBytes + length)
    }
    return messages
  }
}
