import { readSound, type Sound, type SoundOptions } from './read-audio.ts'

/** A whole recording: 16-bit samples of one channel. */
export interface WholeRecording {
  samples: Buffer
  sampleRate: number
  channels: 1
}

/** Reads a recording that is completely in memory. */
export async function readRecording(file: Buffer, options: Omit<SoundOptions, 'fileBytes'>): Promise<WholeRecording> {
  const pieces: Buffer[] = []
  let format: Sound['format'] | undefined
  for await (const sound of readSound(inPieces(file), { ...options, fileBytes: file.length })) {
    pieces.push(sound.pcm)
    format = sound.format
  }
  return { samples: Buffer.concat(pieces), sampleRate: format?.sampleRate ?? 0, channels: 1 }
}

const pieceBytes = 64 * 1024

/** Divides a file, so that no step blocks the event loop for long. */
export async function* inPieces(file: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < file.length; at += pieceBytes) yield file.subarray(at, at + pieceBytes)
}
