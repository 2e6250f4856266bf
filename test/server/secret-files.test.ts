// Settings that are secrets can come from files, as containers mount them.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { makeDirectory } from '../support/postgres.ts'

const key = 'cs_0123456789abcdefghijklmn'
const url = 'postgres://user:secret@db.example/speech'

async function writeSecret(text: string): Promise<string> {
  const file = join(await makeDirectory(), 'secret')
  await writeFile(file, text)
  return file
}

test.each(['', '\n', '\r\n'])('the files of secrets can end with %j', async (end) => {
  const config = readConfig({ BOOTSTRAP_KEY_FILE: await writeSecret(key + end), DATABASE_URL_FILE: await writeSecret(url + end) })
  expect([config.bootstrapKey, config.databaseUrl]).toEqual([key, url])
})

test.each<[string, () => Promise<NodeJS.ProcessEnv>, RegExp]>([
  ['does not exist', async () => ({ BOOTSTRAP_KEY_FILE: '/nowhere/key' }), /BOOTSTRAP_KEY_FILE: the file \/nowhere\/key cannot be read \(ENOENT\)/],
  ['is a directory', async () => ({ DATABASE_URL_FILE: '/' }), /DATABASE_URL_FILE: the file \/ cannot be read \(EISDIR\)/],
  ['is empty', async () => ({ DATABASE_URL_FILE: await writeSecret('\n') }), /DATABASE_URL_FILE: the file .* is empty/],
  ['has an invalid key', async () => ({ BOOTSTRAP_KEY_FILE: await writeSecret('short-secret') }), /BOOTSTRAP_KEY: must be cs_/],
  ['competes with a variable', async () => ({ BOOTSTRAP_KEY_FILE: await writeSecret(key), BOOTSTRAP_KEY: key }), /cannot be set together with BOOTSTRAP_KEY/],
])('a start fails with an explanation if the file of a secret %s', async (_, settings, message) => {
  const env = await settings()
  expect(() => readConfig(env)).toThrow(message)
  expect(() => readConfig(env)).not.toThrow(/short-secret/)
})

test('the account of an object store can come from files, and AWS_ENDPOINT_URL means nothing without an object store', async () => {
  const account = { AWS_ACCESS_KEY_ID_FILE: await writeSecret('account'), AWS_SECRET_ACCESS_KEY_FILE: await writeSecret('hidden\n') }
  const { objectStore } = readConfig({ ARTIFACT_STORE: 's3://models', ...account, AWS_SESSION_TOKEN_FILE: await writeSecret('session') }).artifacts
  expect(objectStore).toMatchObject({ accessKeyId: 'account', secretAccessKey: 'hidden', sessionToken: 'session' })
  expect(readConfig({ AWS_ENDPOINT_URL: 'localstack:4566' }).artifacts.objectStore).toBeUndefined()
  expect(() => readConfig({ AWS_ENDPOINT_URL: 'localstack', ARTIFACT_STORE: 's3://models', ...account })).toThrow('AWS_ENDPOINT_URL: must be an http')
})
