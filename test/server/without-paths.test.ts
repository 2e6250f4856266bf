import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ModelUnusableError } from '../../src/decoding/recognizer-model.ts'
import { withoutPaths } from '../../src/sandbox/without-paths.ts'

const project = join(import.meta.dirname, '../..')

test.each([
  [`ENOENT: no such file, open '${project}/data/artifacts/ab'`, "ENOENT: no such file, open '…'"],
  [`Load model from ${tmpdir()}/model-1/encoder.onnx failed.`, 'Load model from … failed.'],
  [`It is at ${join(homedir(), 'x', 'y')}.`, 'It is at ….'],
  [`at run (file://${project}/src/main.ts:12:3)`, 'at run (…)'],
  [`error:${tmpdir()}/a and ${tmpdir()}/b`, 'error:… and …'],
])('a path of this machine is cut from %s', (text, cut) => {
  expect(withoutPaths(text)).toBe(cut)
})

test.each([
  'example.org answered 404 for https://example.org/models/a.tgz. Correct the address.',
  `example.org answered 404 for https://example.org:8443${tmpdir()}/a.tgz. Correct the address.`,
  `[::1] answered 404 for https://[::1]${tmpdir()}/a.tgz.`,
  'PUT a larger text to /uploads and send its uploadId',
  `${tmpdir()}fs is another name`,
  'and/or, 16 kHz/mono',
])('%s stays as it is', (text) => {
  expect(withoutPaths(text)).toBe(text)
})

test('the error of an unusable model contains no paths', () => {
  expect(new ModelUnusableError(`It cannot be read (${project}/data/artifacts/ab).`).message).toBe('It cannot be read (…).')
})
