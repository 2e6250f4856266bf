import { nameFile, nameSound } from './format-names.ts'
import { isWav } from './wav-header.ts'

export type Following =
  | { kind: 'SKIP'; bytes: number; isTag: boolean }
  | { kind: 'WAV' }
  /** `bytes` lead up to the samples. */
  | { kind: 'SAMPLES'; bytes: number; isUnannounced: boolean }
  | { kind: 'OTHER'; name: string }

/** Chunks that can follow samples. Other four-letter words can be samples. */
const chunks = new Set(
  'LIST list INFO id3  ID3  bext cue  fact smpl inst JUNK junk PAD  FLLR Fake iXML aXML axml chna umid _PMX minf elm1 regn ovwf levl afsp AFsp plst adtl DISP acid strc SAUR cart PEAK SyLp wavl SMED MD5 ResU dbmd'
    .split(/ (?=\S)/)
    .map((id) => id.padEnd(4)),
)
const maxChunk = 16 * 2 ** 20

/**
 * Identifies the bytes after the samples that a WAV header announces; needs at least 8 bytes. Only after a tag can the
 * first bytes of a frame mean an MP3 or AAC file, because the sample -1 has the same bytes.
 */
export function identifyTrailer(bytes: Buffer, isBehindTag: boolean): Following {
  const word = bytes.toString('latin1', 0, 8)
  if (isWav(bytes)) return { kind: 'WAV' }
  if (word.startsWith('data')) return { kind: 'SAMPLES', bytes: 8, isUnannounced: false }
  const length = bytes.readUInt32LE(4)
  if (chunks.has(word.slice(0, 4)) && length <= maxChunk) return { kind: 'SKIP', bytes: 8 + length, isTag: false }
  const tag = tagBytes(bytes)
  if (tag) return { kind: 'SKIP', bytes: tag, isTag: true }
  const name = nameFile(bytes) ?? (isBehindTag ? nameSound(bytes) : undefined)
  return name ? { kind: 'OTHER', name } : { kind: 'SAMPLES', bytes: 0, isUnannounced: true }
}

/** The size of a music tag (ID3, APE) that begins here; otherwise 0. */
export function tagBytes(bytes: Buffer): number {
  const word = bytes.toString('latin1', 0, 8)
  if (/^ID3[\x02-\x04]/.test(word) && bytes.length >= 10) {
    const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((bytes[at] ?? 0) & 127), 0)
    // The footer of version 2.4 repeats the header.
    return 10 + size + ((bytes[5] ?? 0) & 16 ? 10 : 0)
  }
  if (word === 'APETAGEX' && bytes.length >= 16) return 32 + Math.min(bytes.readUInt32LE(12), maxChunk)
  return /^TAG[^\0]/.test(word) ? 128 : 0
}
