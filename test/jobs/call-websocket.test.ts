import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { callWebSocket } from '../../src/jobs/call-websocket.ts'

test.each([':', ': ', ':  '])('verification reads answers whose headers separate name and value with "%s"', async (colon) => {
  const server = new WebSocketServer({ port: 0 })
  onTestFinished(() => server.close())
  await once(server, 'listening')
  server.on('connection', (socket) =>
    socket.once('message', () => {
      const answer = (path: string, body = '') => socket.send(`X-RequestId${colon}1\r\nPath${colon}${path}\r\n\r\n${body}`)
      answer('turn.start', '{"context":{"serviceTag":"1"}}')
      answer('speech.phrase', '{"RecognitionStatus":"Success","DisplayText":"We walked."}')
      answer('turn.end')
    }),
  )
  const { port } = server.address() as { port: number }
  const answer = await callWebSocket(`ws://127.0.0.1:${port}/speech`, 'token', Buffer.alloc(100), AbortSignal.timeout(20_000))
  expect(answer).toEqual({ transcript: 'We walked.', revision: undefined })
})
