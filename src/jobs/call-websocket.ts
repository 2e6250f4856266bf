import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'
import { explainClose, explainPhrase, explainResponse, unreachable } from './call-failure.ts'

/** The transcript of an endpoint, and the number of the revision that gave it; undefined from an older version. */
export interface EndpointAnswer {
  transcript: string
  revision: number | undefined
}

const bytesPerMessage = 3200

/**
 * Sends a WAV to a WebSocket URL as the Speech SDK does, in one turn. Resolves with the text of all phrases
 * and the revision in turn.start.
 * Rejects with a CallFailure when the endpoint refuses, closes before the end of the turn, or does not answer.
 */
export function callWebSocket(webSocketUrl: string, token: string, wav: Buffer, signal: AbortSignal): Promise<EndpointAnswer> {
  signal.throwIfAborted()
  const url = new URL(webSocketUrl)
  url.searchParams.set('format', 'simple')
  const requestId = randomUUID().replaceAll('-', '')
  // The token is in a header, since proxies log URLs.
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } })
  const phrases: string[] = []
  let revision: number | undefined
  let abandon = () => {}

  return new Promise<EndpointAnswer>((answer, fail) => {
    abandon = () => fail(unreachable(webSocketUrl, signal.reason))
    signal.addEventListener('abort', abandon, { once: true })
    socket.on('error', (cause) => fail(unreachable(webSocketUrl, cause)))
    socket.on('unexpected-response', (_, { statusCode = 0, headers }) => {
      fail(explainResponse(statusCode, undefined, 'the WebSocket was not opened', headers['retry-after']))
    })
    socket.on('close', (code, reason) => fail(explainClose(code, String(reason))))
    socket.on('open', () => {
      socket.send(text(requestId, 'speech.config', { context: { system: { name: 'custom-speech', version: '1' } } }))
      for (let at = 0; at < wav.length; at += bytesPerMessage) socket.send(audio(requestId, wav.subarray(at, at + bytesPerMessage)))
      socket.send(audio(requestId, Buffer.alloc(0)))
    })
    socket.on('message', (data) => {
      const { path, body } = read(String(data)) ?? {}
      if (path === 'speech.phrase') {
        const refusal = explainPhrase(body?.RecognitionStatus ?? '')
        if (refusal) fail(refusal)
        if (body?.DisplayText) phrases.push(body.DisplayText)
      }
      if (path === 'turn.start') revision = body?.context?.revision
      if (path === 'turn.end') answer({ transcript: phrases.join(' '), revision })
    })
  }).finally(() => {
    signal.removeEventListener('abort', abandon)
    // A socket that is not open cannot send a close frame.
    if (socket.readyState === WebSocket.OPEN) socket.close()
    else socket.terminate()
  })
}

const headers = (requestId: string, path: string, type: string) =>
  `Path: ${path}\r\nX-RequestId: ${requestId}\r\nX-Timestamp: ${new Date().toISOString()}\r\nContent-Type: ${type}\r\n`

const text = (requestId: string, path: string, body: object) => `${headers(requestId, path, 'application/json')}\r\n${JSON.stringify(body)}`

/** A binary message: the length of the headers in two bytes, the headers, the audio. */
function audio(requestId: string, bytes: Uint8Array): Buffer<ArrayBuffer> {
  const head = Buffer.from(headers(requestId, 'audio', 'audio/x-wav'))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(head.length)
  return Buffer.concat([length, head, bytes])
}

interface EndpointMessage {
  DisplayText?: string
  RecognitionStatus?: string
  context?: { revision?: number }
}

/** The path and body of a message; undefined when the message is invalid. */
function read(message: string): { path: string; body: EndpointMessage } | undefined {
  const [head = '', body = ''] = message.split('\r\n\r\n')
  const path = /^Path:\s*(\S+)/im.exec(head)?.[1]?.toLowerCase()
  try {
    return path === undefined ? undefined : { path, body: body ? JSON.parse(body) : {} }
  } catch {
    return undefined
  }
}
