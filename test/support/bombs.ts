/** Hours of silence in kilobytes, as FLAC: the longest frames of one value each. */
export function flacOfSilence(channels: number, frames: number): Buffer<ArrayBuffer> {
  const crc = (bytes: number[], bits: 8 | 16, by: number) =>
    bytes.reduce((sum, byte) => {
      let next = sum ^ (byte << (bits - 8))
      for (let n = 0; n < 8; n++) next = next & (1 << (bits - 1)) ? (next << 1) ^ by : next << 1
      return next & (2 ** bits - 1)
    }, 0)
  const [rate, block] = [16_000, 65_535]
  const streamInfo = [0x80, 0, 0, 34, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, rate >> 12, (rate >> 4) & 255, ((rate & 15) << 4) | ((channels - 1) << 1), 7 << 4]
  const parts = [Buffer.from('fLaC'), Buffer.from([...streamInfo, ...Array(38 - streamInfo.length).fill(0)])]
  for (let n = 0; n < frames; n++) {
    const number = n < 128 ? [n] : [0xc0 | (n >> 6), 0x80 | (n & 63)]
    const header = [0xff, 0xf8, 0x75, ((channels - 1) << 4) | 2, ...number, (block - 1) >> 8, (block - 1) & 255]
    const frame = [...header, crc(header, 8, 0x07), ...Array(channels).fill([0, 0]).flat()]
    const sum = crc(frame, 16, 0x8005)
    parts.push(Buffer.from([...frame, sum >> 8, sum & 255]))
  }
  return Buffer.concat(parts)
}
