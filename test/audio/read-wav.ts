// Reads recordings without decoder processes, and compares samples.
import { expect } from 'vitest'
import { openDecoders } from '../../src/audio/decoders.ts'
import { readRecording } from '../../src/audio/read-recording.ts'
import { referenceRecording } from '../support/service.ts'
import { samplesOf } from '../support/wav.ts'

export const decoders = openDecoders({ processes: 0 })
export const reference = samplesOf(referenceRecording())

export async function read(file: Buffer, contentType?: string) {
  const warnings: string[] = []
  const warn = (text: string) => warnings.push(text)
  const { samples, sampleRate } = await readRecording(file, { decoders, maxSeconds: 60, signal: AbortSignal.timeout(10_000), warn, contentType })
  return { samples: new Int16Array(samples.buffer, samples.byteOffset, samples.length / 2), sampleRate, warnings }
}

/** The largest difference between two sounds of the same length. */
export function difference(one: Int16Array, other: Int16Array): number {
  expect(one.length).toBe(other.length)
  return one.reduce((most, value, n) => Math.max(most, Math.abs(value - (other[n] as number))), 0)
}

export const samplesAs = (count: number, write: (buffer: Buffer, value: number, n: number) => void, from = reference) => {
  const buffer = Buffer.alloc(from.length * count)
  for (const [n, value] of from.entries()) write(buffer, value, n * count)
  return buffer
}
export const floats = (size: 4 | 8) =>
  samplesAs(size, (buffer, value, at) => (size === 4 ? buffer.writeFloatLE(value / 32_768, at) : buffer.writeDoubleLE(value / 32_768, at)))
