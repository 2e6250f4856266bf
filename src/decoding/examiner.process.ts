// The child process that opens an untested acoustic model. A hostile model file can harm only this process, which
// ends with its answer.
import { readFile } from 'node:fs/promises'
import { sampleRate } from '../audio/pcm.ts'
import { decodeGreedily } from './beam-search.ts'
import { type AcousticFiles, describeMoonshine, openMoonshine } from './moonshine.ts'
import { refersToOtherFiles } from './onnx-file.ts'

type Description = Awaited<ReturnType<typeof describeMoonshine>>

export interface ExaminationRequest {
  files: AcousticFiles
  /** The base model that the new one must resemble. */
  base: AcousticFiles
  /** 16 kHz, one channel. */
  audio: Float32Array
}

export type ExaminationReply =
  | { ok: true; geometry: Description; baseGeometry: Description; text: string; milliseconds: number }
  | { ok: false; message: string }

/** The lengths of a word and of the longest phrase. A model must accept both, and all between. */
const minSeconds = 0.5
const maxSeconds = 25

async function examine({ files, base, audio }: ExaminationRequest): Promise<ExaminationReply> {
  for (const [name, path] of Object.entries(files)) {
    const bytes = await readFile(path)
    // Every ONNX file begins with the version of its format, a small number in the first field of the protocol buffer.
    const [tag, version = 0] = bytes
    if (tag !== 8 || version < 3 || version > 20) return { ok: false, message: `the ${name} is not an ONNX file` }
    if (refersToOtherFiles(bytes)) return { ok: false, message: `the ${name} keeps numbers in other files; export it as one file` }
  }
  const baseGeometry = await describeMoonshine(base)
  const geometry = await describeMoonshine(files)
  const acoustic = await openMoonshine(files)
  const started = performance.now()
  const { text } = await decodeGreedily(acoustic, audio)
  const milliseconds = performance.now() - started
  for (const seconds of [minSeconds, maxSeconds]) await decodeGreedily(acoustic, repeat(audio, seconds))
  return { ok: true, geometry, baseGeometry, text, milliseconds }
}

/** Repeats the recording up to the given length. */
function repeat(audio: Float32Array, seconds: number): Float32Array {
  const samples = new Float32Array(seconds * sampleRate)
  for (let at = 0; at < samples.length; at += audio.length) samples.set(audio.subarray(0, samples.length - at), at)
  return samples
}

process.once('message', async (request: ExaminationRequest) => {
  const reply = await examine(request).catch((error: Error): ExaminationReply => ({ ok: false, message: error.message }))
  if (process.connected) process.send?.(reply, () => process.disconnect?.())
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
