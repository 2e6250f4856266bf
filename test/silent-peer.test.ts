// A peer that is gone without a word: nothing is closed, and nothing is answered.
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { figure } from './faults/figure.ts'
import { startTestService } from './service.ts'

test('a peer that answers no ping is cut off within half a minute, one that does stays', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const open = async (autoPong: boolean) => {
    const socket = new WebSocket(`${api.localUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { autoPong })
    const closed = new Promise<number>((done) => socket.on('close', done))
    await new Promise((done) => socket.on('open', done))
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } }))
    await new Promise((done) => socket.once('message', done))
    return { socket, closed, openedAt: performance.now() }
  }
  const [silent, talking] = [await open(false), await open(true)]
  expect(await silent.closed).toBe(1006)
  const seconds = (performance.now() - silent.openedAt) / 1000
  expect(seconds).toBeLessThan(30)
  expect(talking.socket.readyState).toBe(WebSocket.OPEN)
  talking.socket.terminate()
  figure('peer that is gone without a word', { 'cut off after, s': seconds })
})
