import { expect, test } from 'vitest'
import { redact } from '../../src/log.ts'

test.each([
  'key cs_abcdefghijklmnop-q in a line',
  'GET /speech?cid=1&Ocp-Apim-Subscription-Key=abcdefgh12345 HTTP/1.1',
  'GET /speech?Authorization=Bearer%20abcdefgh12345',
  'postgres://user:abcdefgh12345@host/db',
  'token cst_abcdefgh.ijklmnop',
])('the log redacts the secret in %j', (line) => {
  expect(redact(line)).not.toMatch(/abcdefgh/)
})
