import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { limitStrangers, refuseKey } from '../../src/http/strangers.ts'

test('processes share no addresses of clients with wrong keys, but short hashes', async () => {
  const server = createServer((request, response) => void refuseKey(request).then(() => response.end()))
  const strangers = limitStrangers(server, 10)
  let find: () => Iterable<readonly [string, number]> = () => []
  strangers.share({
    publish: (source) => {
      find = source
    },
    countElsewhere: () => 0,
  })
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  for (let sent = 0; sent < 3; sent++) await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect([...find()]).toEqual([[expect.stringMatching(/^wrong-keys:[0-9a-f]{5}$/), 3]])
})
