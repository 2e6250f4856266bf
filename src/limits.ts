// The limits that the GraphQL API enforces or reports, gathered from the settings and from other rooms.
import type { Config } from './config.ts'
import type { ShownLimits } from './graphql/builder.ts'
import type { OperationLimits } from './graphql-limits/operation-limits.ts'
import { maxFileBytes, maxShortAudioSeconds, maxTranscriptionSeconds } from './speech-http/recording-limits.ts'
import { uploadSlots } from './uploads/upload-route.ts'

export const toShownLimits = ({ uploads, sessions }: Config): ShownLimits => ({
  upload: { bytes: uploads.maxBytes, atOnce: uploadSlots.slots },
  speech: {
    sessions: sessions.all,
    sessionsPerKey: sessions.ofKey,
    sessionsPerDeployment: sessions.ofDeployment,
    shortAudioSeconds: maxShortAudioSeconds,
    transcriptionSeconds: maxTranscriptionSeconds,
    transcriptionBytes: maxFileBytes,
  },
})

export const toOperationLimits = ({ limits }: Config): OperationLimits => ({
  cost: limits.operationCost,
  depth: limits.operationDepth,
  subscriptionsPerSocket: limits.subscriptionsPerSocket,
  socketsPerKey: limits.socketsPerKey,
})
