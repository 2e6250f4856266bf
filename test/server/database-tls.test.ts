// A Postgres with TLS: which modes of the URL encrypt, and which check the certificate and the name in it.
import { execFile } from 'node:child_process'
import { chmod, chown, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLog } from '../../src/log.ts'
import { parseAddress } from '../../src/postgres/address.ts'
import { openConnection } from '../../src/postgres/connection.ts'
import { unprivilegedAccount } from '../../src/postgres/embedded/account.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/postgres/embedded/server.ts'
import { makeDirectory } from '../support/postgres.ts'

let dir: string
let server: EmbeddedPostgres

beforeAll(async () => {
  dir = await makeDirectory()
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate, ...subject])
  const account = await unprivilegedAccount()
  if (account) await chown(key, account.uid, account.gid)
  await chmod(key, 0o600)
  const flags = ['fsync=off', 'ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`]
  server = await openEmbeddedPostgres(join(dir, 'postgres'), openLog('silent'), flags)
})
afterAll(async () => {
  await server.close()
  await rm(dir, { recursive: true, force: true })
})

async function isEncrypted(host: string, search: string): Promise<unknown> {
  const url = new URL(server.url)
  Object.assign(url, { hostname: host, search: search.replace('AUTHORITY', join(dir, 'certificate.pem')) })
  const connection = await openConnection(url.href, { name: 'test' })
  const [row] = await connection.send('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
  await connection.close(0)
  return row?.['ssl']
}

test.each([
  ['localhost', 'sslmode=verify-full&sslrootcert=AUTHORITY', true],
  ['localhost', 'sslrootcert=AUTHORITY', true],
  ['127.0.0.1', 'sslmode=no-verify', true],
  ['localhost', 'sslmode=disable', false],
  ['localhost', '', false],
])('%s with "%s" connects', async (host, search, encrypted) => {
  expect(await isEncrypted(host, search)).toBe(encrypted)
})

test.each([
  ['localhost', 'sslmode=require', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['localhost', 'ssl=true', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['127.0.0.1', 'sslmode=verify-full&sslrootcert=AUTHORITY', 'ERR_TLS_CERT_ALTNAME_INVALID'],
])('%s with "%s" is refused', async (host, search, code) => {
  await expect(isEncrypted(host, search)).rejects.toMatchObject({ code })
})

test('PGSSLMODE counts for a URL without sslmode', () => {
  const tlsOf = (search: string, mode: string) => parseAddress(`postgres://user@db.example/x${search}`, { PGSSLMODE: mode }).tls
  expect(tlsOf('', 'verify-full')).toEqual({ rejectUnauthorized: true })
  expect(tlsOf('', 'disable')).toBeUndefined()
  expect(tlsOf('?sslmode=disable', 'require')).toBeUndefined()
})

test('a certificate file that cannot be read is named with its parameter', () => {
  expect(() => parseAddress('postgres://user@db.example/x?sslrootcert=/no/such.pem')).toThrow('sslrootcert in DATABASE_URL cannot be read (ENOENT)')
})
