// The messages of the Speech SDK's WebSocket protocol, as values. Nothing here knows a socket.

/** What a client says. An audio message without bytes is the end of its audio. */
export type ClientMessage =
  /** Belongs to the socket rather than to a turn: the native SDK writes it without a request id. */
  | { path: 'speech.config'; body: unknown }
  | { path: 'speech.context'; requestId: string; body: unknown }
  | { path: 'audio'; requestId: string; audio: Buffer }
  /** Telemetry, messages of other speech services, and whatever may be sent one day; the name is in lower case. */
  | { path: 'other'; name: string; body: Buffer | undefined }

/** Moments and lengths count ticks of 100 ns from the first byte of the turn's audio. */
export type ServerMessage =
  | { path: 'turn.start'; body: { context: { serviceTag: string; warning?: string } } }
  | { path: 'speech.startDetected' | 'speech.endDetected'; body: { Offset: number } }
  | { path: 'speech.hypothesis'; body: { Text: string; Offset: number; Duration: number } }
  | { path: 'speech.phrase'; body: object }
  | { path: 'turn.end' }

/**
 * Why a socket is closed. After `refused` the SDK gives up and shows our reason to its user; after the
 * others it connects again and sends anew what had no phrase yet.
 */
export const closeCodes = { done: 1000, leaving: 1001, refused: 1007, crashed: 1011 } as const
export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes]

/** The client's message cannot be understood; says how. */
export class ProtocolViolation extends Error {}

const maxText = 128 * 1024
const requestIds = /^[\w-]{1,64}$/

export function decode(data: Buffer, isBinary: boolean): ClientMessage {
  const { headers, body } = isBinary ? splitBinary(data) : splitText(data)
  const path = headers.get('path')?.toLowerCase()
  if (!path) throw new ProtocolViolation('The message has no Path.')
  if (path !== 'audio' && path !== 'speech.config' && path !== 'speech.context') return { path: 'other', name: path, body }
  if (!body) throw new ProtocolViolation(`The ${path} message has no empty line behind its headers.`)
  const requestId = headers.get('x-requestid')
  if (path === 'speech.config' && !requestId) return { path, body: parse(path, body) }
  if (!requestId) throw new ProtocolViolation(`The ${path} message has no X-RequestId.`)
  if (!requestIds.test(requestId)) throw new ProtocolViolation(`The X-RequestId of ${path} is unusable. Send 32 hexadecimal digits, no braces.`)
  if (path === 'speech.config') return { path, body: parse(path, body) }
  if (path === 'speech.context') return { path, requestId, body: parse(path, body) }
  if (!isBinary) throw new ProtocolViolation('An audio message must be binary.')
  return { path, requestId, audio: body }
}

/** Headers end at the first empty line; lines end with LF, or CRLF as documented. A message of headers alone has no body. */
function splitText(data: Buffer): { headers: Map<string, string>; body: Buffer | undefined } {
  if (data.length > maxText) throw new ProtocolViolation(`The message has ${data.length} bytes; at most ${maxText} are read.`)
  const text = data.toString('latin1')
  const gap = /\r?\n\r?\n/.exec(text)
  if (!gap) return { headers: readHeaders(text), body: undefined }
  return { headers: readHeaders(text.slice(0, gap.index)), body: data.subarray(gap.index + gap[0].length) }
}

function splitBinary(data: Buffer) {
  if (data.length < 2) throw new ProtocolViolation('The binary message is too short for the length of its headers.')
  const length = data.readUInt16BE(0)
  if (data.length < 2 + length) throw new ProtocolViolation('The headers of the binary message are longer than the message.')
  return { headers: readHeaders(data.toString('latin1', 2, 2 + length)), body: data.subarray(2 + length) }
}

/** A map, since a header may be called "constructor". */
function readHeaders(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).map((line) => [line, line.indexOf(':')] as const)
  return new Map(lines.filter(([, colon]) => colon > 0).map(([line, colon]) => [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]))
}

function parse(path: string, body: Buffer): unknown {
  if (body.length > maxText) throw new ProtocolViolation(`The ${path} message has ${body.length} bytes; at most ${maxText} are read.`)
  if (!body.length) return undefined
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new ProtocolViolation(`The ${path} message is not JSON.`)
  }
}

/**
 * Every message carries the id of the turn that it belongs to: without it the SDK stops reading. No blank follows a
 * colon: native clients compare the value as it stands, and other public clients search for `Path:turn.start`.
 */
export function encode(requestId: string, message: ServerMessage): string {
  const body = 'body' in message ? JSON.stringify(message.body) : ''
  return `X-RequestId:${requestId}\r\nContent-Type:application/json; charset=utf-8\r\nPath:${message.path}\r\n\r\n${body}`
}

const maxReason = 123

/** What fits into a close frame: as many whole characters as 123 bytes hold. */
export function toCloseReason(text: string): string {
  if (Buffer.byteLength(text) <= maxReason) return text
  let reason = ''
  for (const character of text) {
    if (Buffer.byteLength(reason + character) > maxReason - 3) break
    reason += character
  }
  return `${reason.trimEnd()}…`
}
