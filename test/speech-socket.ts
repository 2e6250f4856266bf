// A client of the WebSocket endpoints that does whatever a test wants, as no SDK would.
import { WebSocket } from 'ws'

interface Opened {
  socket: WebSocket
  received: string[]
  closed: Promise<{ code: number; reason: string }>
  until(pattern: RegExp): Promise<void>
  text(path: string, requestId: string, body: object): void
  audio(requestId: string, bytes: Buffer): void
}

/** Without a key it sends none. */
export async function openSocket(to: string, key: string): Promise<Opened> {
  const socket = new WebSocket(to, key ? { headers: { 'Ocp-Apim-Subscription-Key': key } } : {})
  const received: string[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data) => {
    received.push(String(data))
    for (const wake of waiting) wake()
  })
  socket.on('error', () => {})
  const closed = new Promise<{ code: number; reason: string }>((done) => socket.on('close', (code, reason) => done({ code, reason: String(reason) })))
  await new Promise((open) => socket.once('open', open))
  return {
    socket,
    received,
    closed,
    until: (pattern) =>
      new Promise((done) => {
        const check = () => {
          if (!received.some((message) => pattern.test(message))) return
          waiting.delete(check)
          done()
        }
        waiting.add(check)
        check()
      }),
    text: (path, requestId, body) => socket.send(`Path: ${path}\r\nX-RequestId: ${requestId}\r\n\r\n${JSON.stringify(body)}`),
    audio(requestId, bytes) {
      const headers = Buffer.from(`Path: audio\r\nX-RequestId: ${requestId}\r\n`)
      socket.send(Buffer.concat([Buffer.from([headers.length >> 8, headers.length & 255]), headers, bytes]))
    },
  }
}
