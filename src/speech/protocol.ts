// The messages of the Speech SDK's WebSocket protocol as values, independent of sockets.

/** A message of a client. An audio message without bytes ends the audio. */
export type ClientMessage =
  /** Belongs to the socket, not to a turn: the native SDK sends it without a request id. */
  | { path: 'speech.config'; body: unknown }
  | { path: 'speech.context'; requestId: string; body: unknown }
  | { path: 'audio'; requestId: string; audio: Buffer }
  /** Telemetry, messages of other speech services and unknown messages. The name is in lower case. */
  | { path: 'other'; name: string; body: Buffer | undefined }

/** A message of the server. Offsets count ticks of 100 ns from the first byte of the turn's audio. */
export type ServerMessage =
  | { path: 'turn.start'; body: { context: { serviceTag: string; revision: number; warning?: string } } }
  | { path: 'speech.startDetected' | 'speech.endDetected'; body: { Offset: number } }
  | { path: 'speech.hypothesis'; body: { Text: string; Offset: number; Duration: number } }
  | { path: 'speech.phrase'; body: object }
  | { path: 'turn.end' }

/**
 * The codes with which the server closes a socket. After `refused` the SDK gives up and shows the reason to its user;
 * after the others it connects again and repeats the audio that has no phrase yet.
 */
export const closeCodes = { done: 1000, leaving: 1001, refused: 1007, crashed: 1011 } as const
export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes]

/** A message of the client violates the protocol. */
export class ProtocolViolation extends Error {}

const maxText = 128 * 1024
const requestIds = /^[\w-]{1,64}$/

export function decode(data: Buffer, isBinary: boolean): ClientMessage {
  const { headers, body } = isBinary ? splitBinary(data) : splitText(data)
  const path = headers.get('path')?.toLowerCase()
  if (!path) throw new ProtocolViolation('The message has no header Path.')
  if (path !== 'audio' && path !== 'speech.config' && path !== 'speech.context') return { path: 'other', name: path, body }
  if (!body) throw new ProtocolViolation(`The ${path} message has no empty line after its headers.`)
  const requestId = headers.get('x-requestid')
  if (path === 'speech.config' && !requestId) return { path, body: parse(path, body) }
  if (!requestId) throw new ProtocolViolation(`The ${path} message has no header X-RequestId.`)
  if (!requestIds.test(requestId)) throw new ProtocolViolation(`The X-RequestId of ${path} is invalid. Send 32 hexadecimal digits without braces.`)
  if (path === 'speech.config') return { path, body: parse(path, body) }
  if (path === 'speech.context') return { path, requestId, body: parse(path, body) }
  if (!isBinary) throw new ProtocolViolation('An audio message must be binary.')
  return { path, requestId, audio: body }
}

/** Headers end at the first empty line. Lines end with CRLF, as documented, or with LF. A message without an empty line has no body. */
function splitText(data: Buffer): { headers: Map<string, string>; body: Buffer | undefined } {
  if (data.length > maxText) throw new ProtocolViolation(`The message has ${data.length} bytes. Send at most ${maxText}.`)
  const text = data.toString('latin1')
  const gap = /\r?\n\r?\n/.exec(text)
  if (!gap) return { headers: readHeaders(text), body: undefined }
  return { headers: readHeaders(text.slice(0, gap.index)), body: data.subarray(gap.index + gap[0].length) }
}

function splitBinary(data: Buffer) {
  if (data.length < 2) throw new ProtocolViolation('The binary message is shorter than 2 bytes.')
  const length = data.readUInt16BE(0)
  if (data.length < 2 + length) throw new ProtocolViolation('The headers of the binary message are longer than the message.')
  return { headers: readHeaders(data.toString('latin1', 2, 2 + length)), body: data.subarray(2 + length) }
}

/** The result is a map because a header can have the name "constructor". */
function readHeaders(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).map((line) => [line, line.indexOf(':')] as const)
  return new Map(lines.filter(([, colon]) => colon > 0).map(([line, colon]) => [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]))
}

function parse(path: string, body: Buffer): unknown {
  if (body.length > maxText) throw new ProtocolViolation(`The ${path} message has ${body.length} bytes. Send at most ${maxText}.`)
  if (!body.length) return undefined
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new ProtocolViolation(`The ${path} message is not JSON.`)
  }
}

/**
 * Encodes a message. It carries the id of its turn; without the id the SDK stops reading. No space follows a colon:
 * native clients compare the value unchanged, and other public clients search for `Path:turn.start`.
 */
export function encode(requestId: string, message: ServerMessage): string {
  const body = 'body' in message ? JSON.stringify(message.body) : ''
  return `X-RequestId:${requestId}\r\nContent-Type:application/json; charset=utf-8\r\nPath:${message.path}\r\n\r\n${body}`
}

const maxReason = 123

/** Shortens a reason to the 123 bytes of a close frame, at the end of a character. */
export function toCloseReason(text: string): string {
  if (Buffer.byteLength(text) <= maxReason) return text
  let reason = ''
  for (const character of text) {
    if (Buffer.byteLength(reason + character) > maxReason - 3) break
    reason += character
  }
  return `${reason.trimEnd()}…`
}
