import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeDirectory } from './postgres.ts'
import { referenceRecording } from './service.ts'

export interface Encoding {
  /** FFmpeg's names. */
  container: string
  codec: string
  sampleRate?: number
  channels?: number
  options?: Record<string, string>
}

/** The reference recording in other formats, encoded by a process of its own. */
export async function encodeReference<K extends string>(
  wanted: Record<K, Encoding>,
  recording = referenceRecording(),
): Promise<Record<K, Buffer<ArrayBuffer>>> {
  const dir = await makeDirectory()
  const names = Object.keys(wanted) as K[]
  await writeFile(join(dir, 'in.wav'), recording)
  const list = names.map((name) => ({ ...wanted[name], file: join(dir, name) }))
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'encoder.process.ts'), join(dir, 'in.wav'), JSON.stringify(list)])
  const files = await Promise.all(names.map(async (name) => [name, Buffer.from(await readFile(join(dir, name)))] as const))
  return Object.fromEntries(files) as Record<K, Buffer<ArrayBuffer>>
}
