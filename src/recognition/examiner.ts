// The child process that opens an acoustic model which nobody knows yet: whatever its files do, they do it
// here, and the process ends with its answer.
import { readFile } from 'node:fs/promises'
import { type AcousticFiles, describeMoonshine, openMoonshine } from './moonshine.ts'
import { decodeGreedily } from './search.ts'

type Description = Awaited<ReturnType<typeof describeMoonshine>>

export interface ExaminationRequest {
  files: AcousticFiles
  /** What it should be like. */
  base: AcousticFiles
  /** 16 kHz, one channel. */
  audio: Float32Array
}

export type ExaminationReply =
  | { ok: true; geometry: Description; baseGeometry: Description; text: string; milliseconds: number }
  | { ok: false; message: string }

async function examine({ files, base, audio }: ExaminationRequest): Promise<ExaminationReply> {
  for (const [name, path] of Object.entries(files)) {
    // Every ONNX file begins with its format's version, a small number in the protocol buffers' first field.
    const [tag, version = 0] = await readFile(path).then((bytes) => bytes.subarray(0, 2))
    if (tag !== 8 || version < 3 || version > 20) return { ok: false, message: `the ${name} is not an ONNX file` }
  }
  const baseGeometry = await describeMoonshine(base)
  const geometry = await describeMoonshine(files)
  const acoustic = await openMoonshine(files)
  const started = performance.now()
  const { text } = await decodeGreedily(acoustic, audio)
  return { ok: true, geometry, baseGeometry, text, milliseconds: performance.now() - started }
}

process.once('message', async (request: ExaminationRequest) => {
  const reply = await examine(request).catch((error: Error): ExaminationReply => ({ ok: false, message: error.message }))
  if (process.connected) process.send?.(reply, () => process.disconnect?.())
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
