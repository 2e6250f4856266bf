// The programs that an endpoint shows, run as a user would run them.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countWordErrors } from '../src/recognition/word-errors.ts'
import { openTestService, referenceRecording, referenceText, type Service } from './service.ts'

let api: Service
let dir: string
let samples: { tool: string; code: string }[]
beforeAll(async () => {
  api = await openTestService()
  const { deployment } = await api.deploy('CONVERSATIONAL')
  const { data } = await api.ask('query ($id: ID!) { deployment(id: $id) { endpoint { samples { tool code } } } }', { id: deployment.id })
  samples = data?.deployment.endpoint.samples
  // Below the project, so that its packages are found.
  dir = await mkdtemp(join(import.meta.dirname, 'samples-'))
  await writeFile(join(dir, 'speech.wav'), referenceRecording())
})
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
  await api.close()
})

test.each(['JAVASCRIPT', 'SPEECH_SDK', 'OPENAI'])('%s', async (tool) => {
  const program = join(dir, `${tool.toLowerCase()}.mjs`)
  await writeFile(program, samples.find((sample) => sample.tool === tool)?.code ?? '')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { cwd: dir, env: { PATH: process.env.PATH, KEY: api.key } })
  expect(stderr).toBe('')
  expect(
    countWordErrors(
      referenceText,
      stdout
        .trim()
        .split('\n')
        .at(-1)
        ?.replace(/^Success /, '') ?? '',
    ).errors,
  ).toBe(0)
})

test('CURL', async () => {
  const code = samples.find((sample) => sample.tool === 'CURL')?.code ?? ''
  const { stdout } = await promisify(execFile)('sh', ['-c', code], { cwd: dir, env: { PATH: process.env.PATH, KEY: api.key } })
  expect(JSON.parse(stdout)).toMatchObject({ RecognitionStatus: 'Success' })
})
