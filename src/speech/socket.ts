import type { CloseCode } from './protocol.ts'

/** A WebSocket as a session sees it. */
export interface Socket {
  send(text: string): void
  close(code: CloseCode, reason: string): void
  /** Closes the connection without a close frame, for peers that do not read. */
  terminate(): void
  /** Bytes that were sent and that the peer has not read yet. */
  readonly bufferedAmount: number
  /** Stops and resumes reading. */
  pause(): void
  resume(): void
}
