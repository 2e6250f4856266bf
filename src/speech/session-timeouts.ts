/** How long a session may be still before it ends or moves on. */
export const sessionTimeouts = {
  /** Neither audio nor anything else. */
  idleMs: 180_000,
  /** A refused client says nothing that the refusal could answer. */
  refusedMs: 5_000,
  /** A refused client has begun to say what it wants. */
  explainMs: 500,
  /** All audio that the WAV header promised has come, and neither more nor its end. */
  completeMs: 2_000,
  /** The recognizer says nothing more, though it is its turn. */
  finishMs: 90_000,
  /** Nothing more was said behind a turn, on a server that is about to end. */
  leavingMs: 1_000,
  /** In each such time of a turn at least a second of audio has to come. */
  slowMs: 180_000,
  /** A client between two turns keeps its place for so long. */
  slotMs: 10_000,
}
