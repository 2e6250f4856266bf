import type { AudioErrorCode } from './audio-error.ts'

// What a decoder process says: any number of SAMPLES of 16 bits, and then the END.
// Each message is a byte of its kind, four bytes of its length, and its content.

/** What decoder processes answer with, whatever they were given. */
export const decodedFormat = { sampleRate: 16_000, channels: 1 } as const

export type DecoderEnd = { warnings: string[] } | { code: AudioErrorCode; message: string }
export type MessageKind = 'SAMPLES' | 'END'

const kinds = { SAMPLES: 1, END: 2 } as const
const headerBytes = 5
const maxContent = 16 * 2 ** 20

/** `write` may take less than it is given, as pipes do. */
export function writeMessage(content: Buffer[], kind: MessageKind, write: (bytes: Buffer) => number): void {
  const header = Buffer.alloc(headerBytes)
  header[0] = kinds[kind]
  header.writeUInt32LE(
    content.reduce((sum, { length }) => sum + length, 0),
    1,
  )
  for (let rest = Buffer.concat([header, ...content]); rest.length; ) rest = rest.subarray(write(rest))
}

/** Puts messages together that come in pieces of any size. */
export class MessageReader {
  #kept: Buffer = Buffer.alloc(0)

  /** The messages that these bytes complete; throws for what no decoder says. */
  read(bytes: Buffer): { kind: MessageKind; content: Buffer }[] {
    this.#kept = this.#kept.length ? Buffer.concat([this.#kept, bytes]) : bytes
    const messages: { kind: MessageKind; content: Buffer }[] = []
    while (this.#kept.length >= headerBytes) {
      const length = this.#kept.readUInt32LE(1)
      const kind = (['SAMPLES', 'END'] as const).find((one) => kinds[one] === this.#kept[0])
      if (!kind || length > maxContent) throw new Error('the decoder sent something that is no message')
      if (this.#kept.length < headerBytes + length) break
      messages.push({ kind, content: this.#kept.subarray(headerBytes, headerBytes + length) })
      this.#kept = this.#kept.subarray(headerBytes + length)
    }
    return messages
  }
}
