import { WebSocket } from 'ws'

interface NativeResult {
  texts: string[]
  /** The reason of a missing text; begins with "protocol: " if an answer could not be read. */
  problem?: string
}

/**
 * Recognizes a WAV file as native Speech SDKs do: speech.config has no X-RequestId, headers have no space after the
 * colon, the whole file is sent at once, and header values of answers must be exactly as expected.
 */
export function speakNatively(url: string, key: string, wav: Buffer): Promise<NativeResult> {
  const requestId = crypto.randomUUID().replaceAll('-', '')
  const socket = new WebSocket(url, 'USP', { headers: { 'Ocp-Apim-Subscription-Key': key, 'X-ConnectionId': crypto.randomUUID().replaceAll('-', '') } })
  const texts: string[] = []
  return new Promise<NativeResult>((done) => {
    const fail = (problem: string) => done({ texts, problem })
    const timestamp = () => `X-Timestamp:${new Date().toISOString()}\r\n`
    const json = 'Content-Type:application/json\r\n\r\n'
    const audio = (bytes: Uint8Array, type = '') => {
      const head = Buffer.from(`${timestamp()}Path:audio\r\nX-RequestId:${requestId}\r\n${type}X-StreamId:1\r\n`)
      const length = Buffer.alloc(2)
      length.writeUInt16BE(head.length)
      socket.send(Buffer.concat([length, head, bytes]))
    }
    socket.on('error', (error) => fail(String(error)))
    socket.on('close', (code, reason) => fail(/^PROTOCOL_VIOLATION/.test(String(reason)) ? `protocol: ${reason}` : `${code} ${reason}`))
    socket.on('open', () => {
      socket.send(`${timestamp()}Path:speech.config\r\n${json}{"context":{"system":{"name":"SpeechSDK","version":"1.52.0"},"os":{"platform":"Linux"}}}`)
      socket.send(`${timestamp()}Path:speech.context\r\nX-RequestId:${requestId}\r\n${json}{"phraseDetection":{"mode":"Conversation"}}`)
      audio(wav.subarray(0, 44), 'Content-Type:audio/x-wav\r\n')
      for (let at = 44; at < wav.length; at += 3200) audio(wav.subarray(at, at + 3200))
      audio(Buffer.alloc(0))
    })
    socket.on('message', (data) => {
      const [head = '', body = ''] = String(data).split('\r\n\r\n')
      const headers = new Map(head.split('\r\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1)]))
      if (headers.get('x-requestid') !== requestId) return fail(`protocol: the answer is to the request "${headers.get('x-requestid')}"`)
      const path = headers.get('path')
      if (path === 'turn.end') return done({ texts })
      if (path !== 'speech.phrase') return
      const { RecognitionStatus, DisplayText } = JSON.parse(body)
      if (RecognitionStatus === 'TooManyRequests') fail('parallel requests exceeded')
      if (DisplayText) texts.push(DisplayText)
    })
  }).finally(() => socket.terminate())
}
