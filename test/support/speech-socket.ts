// A client of the WebSocket endpoints that does whatever a test wants, as no SDK would. Whatever it receives has to be
// readable for the native SDKs as well.
import { expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createNativeReaders } from './native-reader.ts'

interface Opened {
  socket: WebSocket
  received: string[]
  closed: Promise<{ code: number; reason: string }>
  until(pattern: RegExp): Promise<void>
  text(path: string, requestId: string, body: object): void
  audio(requestId: string, bytes: Buffer): void
  /** The bodies of what was received at this path. */
  bodies(path: string): any[]
}

/** Without a key it sends none. */
export async function openSocket(to: string, key: string, protocols: string[] = []): Promise<Opened> {
  const socket = new WebSocket(to, protocols, key ? { headers: { 'Ocp-Apim-Subscription-Key': key } } : {})
  const received: string[] = []
  const waiting = new Set<() => void>()
  const native = createNativeReaders()
  onTestFinished(() => expect(native.violations).toEqual([]))
  const send = socket.send.bind(socket)
  socket.send = (data: Buffer | string, ...rest: any[]) => {
    native.sent(data)
    return (send as any)(data, ...rest)
  }
  socket.on('message', (data) => {
    received.push(String(data))
    native.received(String(data))
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
    bodies: (path) =>
      received.filter((message) => message.includes(`Path:${path}\r\n`)).map((message) => JSON.parse(message.slice(message.indexOf('\r\n\r\n') + 4) || 'null')),
  }
}
