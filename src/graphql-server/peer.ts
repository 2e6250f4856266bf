import type { ExecutionResult } from 'graphql'

/** Writes a result as one transport sends it. */
export type Format = (result: ExecutionResult) => string

/** One subscriber of a shared broadcast, on any transport. */
export interface Peer {
  /** The same function for all peers of one transport, so that they share the text of a result. */
  format: Format
  send(text: string): void
  /** The number of bytes that the peer has not read. */
  backlog(): number
  /** Ends a peer that reads too slowly, with a message that says so. The backlog can be lost. */
  endSlow(): void
  /** Ends the subscription, after an error or after the last event. */
  end(error?: unknown): void
}
