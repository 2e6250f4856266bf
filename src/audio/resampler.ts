import { sampleRate } from './pcm.ts'

/** Converts little-endian 16-bit samples to one channel, -1 to 1: the average of all channels. */
export function toMonoFloat32(bytes: Uint8Array, channels: number): Float32Array {
  const samples = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames = Math.floor(samples.length / (2 * channels))
  const mono = new Float32Array(frames)
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += samples.readInt16LE((frame * channels + channel) * 2)
    mono[frame] = sum / (channels * 32768)
  }
  return mono
}

/** Zero crossings of the sinc on each side of its center: more make a steeper filter. */
const crossings = 16

/** The most kernels for positions between two samples. Rates that need more positions interpolate between two kernels. */
const maxKernels = 640

/** Converts a whole recording to 16 kHz. */
export function resample(input: Float32Array, rate: number): Float32Array {
  const resampler = new Resampler(rate)
  const [most, rest] = [resampler.push(input), resampler.end()]
  if (rest.length === 0) return most
  const output = new Float32Array(most.length + rest.length)
  output.set(most)
  output.set(rest, most.length)
  return output
}

/**
 * Converts to 16 kHz, piece by piece, by windowed-sinc interpolation (Julius O. Smith, "Digital Audio Resampling"):
 * band-limited to the lower of both rates, which prevents aliasing. The output does not depend on how the
 * input is cut into pieces.
 */
export class Resampler {
  readonly #rate: number
  readonly #kernels: Kernels
  /** The input from sample `#first` on, which later output needs. */
  #kept = new Float32Array(0)
  #first = 0
  #made = 0

  constructor(rate: number) {
    this.#rate = rate
    this.#kernels = new Kernels(rate)
  }

  /** Returns the output that needs no further input. */
  push(input: Float32Array): Float32Array {
    if (this.#rate === sampleRate) return input
    const joined = new Float32Array(this.#kept.length + input.length)
    joined.set(this.#kept)
    joined.set(input, this.#kept.length)
    this.#kept = joined
    return this.#make(false)
  }

  /** Ends the input and returns the rest of the output. */
  end(): Float32Array {
    return this.#rate === sampleRate ? new Float32Array(0) : this.#make(true)
  }

  #make(isLast: boolean): Float32Array {
    const known = this.#first + this.#kept.length
    const most = Math.floor((known * sampleRate) / this.#rate) - this.#made
    const output = new Float32Array(Math.max(0, most))
    let count = 0
    for (; count < output.length; count++) {
      const { weights, from } = this.#kernels.place(this.#made + count)
      if (!isLast && from + weights.length > known) break
      let sum = 0
      for (let k = Math.max(0, -from); k < weights.length && from + k < known; k++)
        sum += (weights[k] as number) * (this.#kept[from + k - this.#first] as number)
      output[count] = sum
    }
    this.#made += count
    const needed = Math.max(this.#first, Math.min(known, this.#kernels.place(this.#made).from))
    this.#kept = this.#kept.slice(needed - this.#first)
    this.#first = needed
    return output.subarray(0, count)
  }
}

/** The weights of input samples for each position between two of them. */
class Kernels {
  readonly #rate: number
  readonly #isExact: boolean
  /** Kernels for positions from 0 to 1, both included, between two input samples. */
  readonly #table: Float64Array[]
  /** The first sample with a weight, relative to the sample before the position. */
  readonly #first: number
  readonly #between: Float64Array

  constructor(rate: number) {
    this.#rate = rate
    const cutoff = Math.min(1, sampleRate / rate) * 0.95
    const reach = crossings / cutoff
    const phases = rate === sampleRate ? 0 : sampleRate / greatestCommonDivisor(rate, sampleRate)
    this.#isExact = phases <= maxKernels
    const steps = Math.min(phases, maxKernels)
    this.#first = Math.ceil(-reach)
    this.#table = Array.from({ length: steps && steps + 1 }, (_, step) => createKernel(step / steps, this.#first, cutoff, reach))
    this.#between = new Float64Array(this.#table[0]?.length ?? 0)
  }

  /** The weights of the nth output sample and the input sample that they start from. The next call overwrites the weights. */
  place(n: number): { weights: Float64Array; from: number } {
    // Integers keep the position exact in long streams.
    const position = n * this.#rate
    const fraction = (position % sampleRate) / sampleRate
    const from = Math.floor(position / sampleRate) + this.#first
    const step = fraction * (this.#table.length - 1)
    if (this.#isExact) return { weights: this.#table[Math.round(step)] as Float64Array, from }
    const before = this.#table[Math.floor(step)] as Float64Array
    const after = this.#table[Math.floor(step) + 1] as Float64Array
    const share = step - Math.floor(step)
    for (let k = 0; k < before.length; k++) this.#between[k] = (before[k] as number) + share * ((after[k] as number) - (before[k] as number))
    return { weights: this.#between, from }
  }
}

/** A windowed sinc around a position between the samples 0 and 1; 0 beyond its reach. */
function createKernel(position: number, first: number, cutoff: number, reach: number): Float64Array {
  const weights = new Float64Array(Math.floor(1 + reach) - first + 1)
  let total = 0
  for (let k = 0; k < weights.length; k++) {
    const distance = first + k - position
    if (Math.abs(distance) > reach) continue
    const x = Math.PI * distance * cutoff
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / reach)
    const weight = (x === 0 ? 1 : Math.sin(x) / x) * window
    weights[k] = weight
    total += weight
  }
  for (let k = 0; k < weights.length; k++) weights[k] = (weights[k] as number) / total
  return weights
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))
