// Small archives that need much work.
import { crc32, deflateRawSync } from 'node:zlib'

/** A zip whose directory names one packed file many times; with more than 65,535 names, in the ZIP64 format. */
export function overlappingZip(content: Buffer, count: number, name: (n: number) => string): Buffer<ArrayBuffer> {
  const packed = deflateRawSync(content)
  const common = Buffer.alloc(22)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(8, 4)
  common.writeUInt32LE(crc32(content), 10)
  common.writeUInt32LE(packed.length, 14)
  common.writeUInt32LE(content.length, 18)
  const factsOf = (entry: string) => Buffer.concat([common, Buffer.from([entry.length & 255, entry.length >> 8, 0, 0])])
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), factsOf('a.wav'), Buffer.from('a.wav'), packed])
  const entries = Array.from({ length: count }, (_, n) =>
    Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), factsOf(name(n)), Buffer.alloc(14), Buffer.from(name(n))]),
  )
  const directory = Buffer.concat(entries)
  const large = Buffer.alloc(56)
  large.write('PK\x06\x06', 'latin1')
  large.writeBigUInt64LE(44n, 4)
  for (const at of [24, 32]) large.writeBigUInt64LE(BigInt(count), at)
  large.writeBigUInt64LE(BigInt(directory.length), 40)
  large.writeBigUInt64LE(BigInt(local.length), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 'latin1')
  locator.writeBigUInt64LE(BigInt(local.length + directory.length), 8)
  locator.writeUInt32LE(1, 16)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  for (const at of [8, 10]) end.writeUInt16LE(Math.min(count, 0xffff), at)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, directory, ...(count > 0xffff ? [large, locator] : []), end])
}

/** An uncompressed tar of files of zeros, each with its header. */
export function tarOfZeros(count: number, bytes: number): Buffer {
  const header = Buffer.alloc(512)
  header.write('zeros')
  header.write(`0000644\0${'0000000\0'.repeat(2)}`, 100)
  header.write(`${bytes.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0`, 124)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  const entry = Buffer.concat([header, Buffer.alloc(Math.ceil(bytes / 512) * 512)])
  return Buffer.concat([...Array(count).fill(entry), Buffer.alloc(1024)])
}
