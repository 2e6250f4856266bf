// The programs that an endpoint and the dashboard show, run as a user would run them.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toSampleTabs } from '../../src/dashboard/format/samples.ts'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { samplesOf } from '../../src/domain/endpoint-samples.ts'
import { openTestService, referenceRecording, referenceText, type Service } from '../support/service.ts'

let api: Service
let dir: string
/** With a recording so short that a refusal comes after it was sent. */
let shortDir: string
let samples: Map<string, string>
beforeAll(async () => {
  api = await openTestService()
  const { deployment } = await api.deploy('CONVERSATIONAL')
  const { data } = await api.ask('query ($id: ID!) { deployment(id: $id) { endpoint { id httpUrl webSocketUrl samples { tool code } } } }', {
    id: deployment.id,
  })
  const { endpoint } = data?.deployment ?? {}
  samples = new Map([
    ...endpoint.samples.map(({ tool, code }: { tool: string; code: string }) => [tool, code] as const),
    ...toSampleTabs(endpoint).map(({ name, code }) => [`dashboard: ${name}`, code] as const),
  ])
  // Below the project, so that its packages are found.
  dir = await mkdtemp(join(import.meta.dirname, 'samples-'))
  await writeFile(join(dir, 'speech.wav'), referenceRecording())
  shortDir = await mkdtemp(join(import.meta.dirname, 'samples-'))
  await writeFile(join(shortDir, 'speech.wav'), referenceRecording().subarray(0, 1044))
})
afterAll(async () => {
  for (const each of [dir, shortDir]) await rm(each, { recursive: true, force: true })
  await api.close()
})

interface Run {
  code: number
  stdout: string
  stderr: string
}

async function run(name: string, key: string, cwd = dir): Promise<Run> {
  const code = samples.get(name) ?? ''
  const options = { cwd, env: { PATH: process.env.PATH, KEY: key } }
  const [program, args] = await prepare(name, code)
  return new Promise((ended) => execFile(program, args, options, (error, stdout, stderr) => ended({ code: Number(error?.code ?? 0), stdout, stderr })))
}

async function prepare(name: string, code: string): Promise<[string, string[]]> {
  if (/curl/i.test(name)) return ['sh', ['-c', code]]
  const isPython = /python/i.test(name)
  const file = join(dir, `${name.replace(/\W+/g, '-').toLowerCase()}.${isPython ? 'py' : 'mjs'}`)
  await writeFile(file, code)
  return [isPython ? 'python3' : process.execPath, [file]]
}

const hasPython = await new Promise<boolean>((found) => execFile('python3', ['--version'], (error) => found(!error)))

// C# and the Python SDK need what is not on npm.
const runnable = [
  'CURL',
  'JAVASCRIPT',
  'SPEECH_SDK',
  'OPENAI',
  ...(hasPython ? ['PYTHON'] : []),
  'dashboard: curl',
  'dashboard: JavaScript',
  'dashboard: OpenAI',
]

describe('with a key', () => {
  test.each(runnable)('%s prints the text and exits with 0', async (name) => {
    const { code, stdout, stderr } = await run(name, api.key)
    expect(code, stderr).toBe(0)
    if (!/curl/i.test(name)) expect(stderr).toBe('')
    const heard = /curl/i.test(name)
      ? JSON.parse(stdout).DisplayText
      : stdout
          .trim()
          .split('\n')
          .at(-1)
          ?.replace(/^Success /, '')
    expect(countWordErrors(referenceText, heard ?? '').errors).toBe(0)
  })
})

describe('with a wrong key', () => {
  test.each(runnable)('%s prints the reason and exits with another code', async (name) => {
    const { code, stdout, stderr } = await run(name, 'cs_wrong-key-that-nobody-has-made', shortDir)
    expect(code).not.toBe(0)
    expect(stdout + stderr).toMatch(/KEY_INVALID|unknown/)
    expect(stdout + stderr).not.toMatch(/\n\s+at /)
  })
})

test('each sample handles a failure, and its URLs are right below a path prefix named speech', () => {
  const httpUrl = 'https://example.org/speech/speech/recognition/conversation/cognitiveservices/v1?cid=1'
  const endpoint = { id: '1', mode: 'conversation' as const, httpUrl, webSocketUrl: httpUrl.replace('http', 'ws') }
  for (const { code } of [...toSampleTabs(endpoint), ...samplesOf(endpoint)]) {
    expect(code).toMatch(/--fail-with-body|exitCode|sys\.exit/)
    if (code.includes('OpenAI')) expect(code).toContain("baseURL: 'https://example.org/speech/v1'")
  }
})
