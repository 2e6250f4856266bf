// The client's half of the Speech SDK's WebSocket protocol: the messages for one turn, without the socket.

/** The server's messages about one stream of audio. Times are in units of 100 ns from its start. */
export type SpeechMessage =
  | { path: 'turn.start' | 'turn.end' | 'speech.startDetected' | 'speech.endDetected' }
  | { path: 'speech.hypothesis'; Text: string; Offset: number; Duration: number }
  | { path: 'speech.phrase'; RecognitionStatus: string; DisplayText?: string; Offset: number; Duration: number }

const paths = ['turn.start', 'turn.end', 'speech.startDetected', 'speech.endDetected', 'speech.hypothesis', 'speech.phrase']

const head = (path: string, requestId: string, contentType: string) =>
  `Path: ${path}\r\nX-RequestId: ${requestId}\r\nX-Timestamp: ${new Date().toISOString()}\r\nContent-Type: ${contentType}\r\n`

export const encodeText = (path: string, requestId: string, body: object): string => `${head(path, requestId, 'application/json')}\r\n${JSON.stringify(body)}`

/** Two bytes with the length of the header, the header, the audio. Empty audio ends the stream. */
export function encodeAudio(requestId: string, audio: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = new TextEncoder().encode(head('audio', requestId, 'audio/x-wav'))
  const message = new Uint8Array(2 + header.length + audio.length)
  new DataView(message.buffer).setUint16(0, header.length)
  message.set(header, 2)
  message.set(audio, 2 + header.length)
  return message
}

/** Undefined for messages of other requests and for unknown messages. */
export function decode(text: string, requestId: string): SpeechMessage | undefined {
  const split = text.indexOf('\r\n\r\n')
  if (split < 0) return undefined
  const headers = new Map(
    text
      .slice(0, split)
      .split('\r\n')
      .map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
      }),
  )
  const path = headers.get('path') ?? ''
  if (headers.get('x-requestid')?.toLowerCase() !== requestId || !paths.includes(path)) return undefined
  const body = text.slice(split + 4).trim()
  return { path, ...(body && (JSON.parse(body) as object)) } as SpeechMessage
}

export const newRequestId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
