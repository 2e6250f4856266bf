import { randomUUID } from 'node:crypto'

/** What an endpoint answered over its WebSocket: a text, or the words with which it closed. */
export interface SocketAnswer {
  transcript: string
  /** Why it closed before it had said everything; undefined when all is well. */
  refusal?: string
}

const bytesPerMessage = 3200

/**
 * Sends a WAV to a WebSocket URL as the Speech SDK does, in one turn, and answers all phrases that come
 * back. Rejects when nobody answers, or when the signal aborts.
 */
export function callWebSocket(webSocketUrl: string, token: string, wav: Buffer, signal: AbortSignal): Promise<SocketAnswer> {
  signal.throwIfAborted()
  const url = new URL(webSocketUrl)
  url.searchParams.set('Authorization', `Bearer ${token}`)
  url.searchParams.set('format', 'simple')
  const requestId = randomUUID().replaceAll('-', '')
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  const phrases: string[] = []

  return new Promise<SocketAnswer>((answer, fail) => {
    signal.addEventListener('abort', () => fail(signal.reason), { once: true })
    socket.onerror = () => fail(new Error('the socket could not be opened, or broke'))
    socket.onclose = ({ code, reason }) => answer({ transcript: phrases.join(' '), refusal: reason || `closed with ${code}` })
    socket.onopen = () => {
      socket.send(text(requestId, 'speech.config', { context: { system: { name: 'custom-speech', version: '1' } } }))
      for (let at = 0; at < wav.length; at += bytesPerMessage) socket.send(audio(requestId, wav.subarray(at, at + bytesPerMessage)))
      socket.send(audio(requestId, Buffer.alloc(0)))
    }
    socket.onmessage = ({ data }) => {
      const { path, body } = read(String(data)) ?? {}
      if (path === 'speech.phrase' && body?.DisplayText) phrases.push(body.DisplayText)
      if (path === 'turn.end') answer({ transcript: phrases.join(' ') })
    }
  }).finally(() => {
    socket.onclose = null
    socket.close()
  })
}

const headers = (requestId: string, path: string, type: string) =>
  `Path: ${path}\r\nX-RequestId: ${requestId}\r\nX-Timestamp: ${new Date().toISOString()}\r\nContent-Type: ${type}\r\n`

const text = (requestId: string, path: string, body: object) => `${headers(requestId, path, 'application/json')}\r\n${JSON.stringify(body)}`

/** A binary message: the length of its headers in two bytes, the headers, the sound. */
function audio(requestId: string, bytes: Uint8Array): Buffer<ArrayBuffer> {
  const head = Buffer.from(headers(requestId, 'audio', 'audio/x-wav'))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(head.length)
  return Buffer.concat([length, head, bytes])
}

/** Undefined for what no endpoint of ours says. */
function read(message: string): { path: string; body: { DisplayText?: string } } | undefined {
  const [head = '', body = ''] = message.split('\r\n\r\n')
  const path = /^Path:\s*(\S+)/im.exec(head)?.[1]?.toLowerCase()
  try {
    return path === undefined ? undefined : { path, body: body ? JSON.parse(body) : {} }
  } catch {
    return undefined
  }
}
