// Frames as the native Speech SDK sends them.
import { referenceRecording } from './service.ts'

export const reference = referenceRecording()
export const live = Buffer.from(reference)
live.writeUInt32LE(0, 40)
export const id = '0123456789abcdef0123456789ABCDEF'
export const dashed = '01234567-89ab-cdef-0123-456789abcdef'
export const at = 'X-Timestamp:2026-01-01T00:00:00.000Z'

export const binary = (head: string, bytes: Buffer) => Buffer.concat([Buffer.from([head.length >> 8, head.length & 255]), Buffer.from(head), bytes])
export const nativeConfig = `${at}\r\nPath:speech.config\r\nContent-Type:application/json\r\n\r\n{"context":{"system":{"version":"1.49.0","name":"SpeechSDK"}}}`
export const nativeContext = (body: object) =>
  `${at}\r\nPath:speech.context\r\nContent-Type:application/json\r\nX-RequestId:${id}\r\n\r\n${JSON.stringify(body)}`
export const nativeAudio = (bytes: Buffer, type = '') => binary(`${at}\r\nPath:audio\r\n${type}X-RequestId:${id}\r\nX-StreamId:1\r\n`, bytes)
export const end = nativeAudio(Buffer.alloc(0))
