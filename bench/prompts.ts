// Recordings of a telephone system's prompts with their texts. apt fetches them from Debian's packages.
import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { resample, toMonoFloat32 } from '../src/audio/resampler.ts'
import { WavReader } from '../src/audio/wav-reader.ts'
import { toSpokenWords } from '../src/decoding/spoken-words.ts'

const run = promisify(execFile)
const dir = join(tmpdir(), 'custom-speech-bench-prompts')

export interface Prompt {
  audio: Float32Array
  text: string
}

/** The prompts of a language that are sentences; undefined if apt cannot fetch them. */
export async function readPrompts(language: 'en' | 'es'): Promise<Prompt[] | undefined> {
  const unpacked = join(dir, language)
  try {
    await mkdir(unpacked, { recursive: true })
    for (const name of [`asterisk-core-sounds-${language}`, `asterisk-core-sounds-${language}-wav`]) await unpack(name, unpacked)
    return await collectPrompts(language, unpacked)
  } catch (error) {
    console.log(`No prompts: ${(error as Error).message.split('\n')[0]}`)
    return undefined
  }
}

async function unpack(name: string, to: string) {
  const { stdout } = await run('sh', ['-c', `ls ${name}_*.deb 2>/dev/null || (apt-get download ${name} >/dev/null 2>&1 && ls ${name}_*.deb)`], { cwd: dir })
  await run('dpkg-deb', ['-x', stdout.trim(), to], { cwd: dir })
}

async function collectPrompts(language: string, unpacked: string): Promise<Prompt[]> {
  const { stdout } = await run('find', [unpacked, '-name', '*.wav', '-o', '-name', `core-sounds-${language}.txt.gz`])
  const files = stdout.trim().split('\n')
  const table = gunzipSync(await readFile(files.find((file) => file.endsWith('.gz')) ?? '')).toString()
  const prompts: Prompt[] = []
  for (const line of table.split('\n')) {
    const [, name = '', text = ''] = /^([\w/-]+):\s*(.*)$/.exec(line) ?? []
    const file = files.find((one) => one.endsWith(`/${name}.wav`))
    if (!file || /[[\]()]/.test(text) || toSpokenWords(text, language).length < 4) continue
    const reader = new WavReader({ maxSeconds: Infinity, warn() {} })
    const pcm = reader.read(await readFile(file))
    if (!reader.format) continue
    const audio = resample(toMonoFloat32(pcm, 1), reader.format.sampleRate)
    if (audio.length < 20 * 16_000) prompts.push({ audio, text })
  }
  return prompts
}
