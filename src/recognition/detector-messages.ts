import type { StreamRequest } from './recognizer-stream.ts'
import type { Segment } from './segmenter.ts'

/** The findings in a stream. Each phrase has a number, and each segment to decode has its samples. */
export type Detected =
  | { kind: 'STARTED'; phrase: number; onset: number }
  /** The voice paused. If it does not go on, the segment is the whole phrase. */
  | { kind: 'PAUSED'; phrase: number; segment: Segment; audio: Int16Array }
  /** The phrase ended. Without samples, its segment equals that of the last pause. */
  | { kind: 'ENDED'; phrase: number; segment: Segment; audio: Int16Array | undefined }

/** The present state of a stream. */
export interface ListeningProgress {
  heard: number
  /** The position of the last voice in the open phrase. */
  voice: number | undefined
}

export type DetectorRequest = { stream: number } & (
  | { kind: 'OPEN'; format: StreamRequest['format']; listening: StreamRequest['listening'] }
  /** With `isFollowed`, more audio waits already. */
  | { kind: 'AUDIO'; pcm: Uint8Array; isFollowed: boolean }
  | { kind: 'GROWN'; phrase: number }
  | { kind: 'FINISH' }
  | { kind: 'CLOSE' }
)

export type DetectorReply = { stream: number } & (
  | Detected
  | ({ kind: 'HEARD'; bytes: number } & ListeningProgress)
  | { kind: 'GROWN'; phrase: number; grown: { segment: Segment; audio: Int16Array } | undefined }
  | { kind: 'FINISHED'; heard: number }
  | { kind: 'FAILED'; message: string }
)
