// Limits that the GraphQL API refuses by or tells of, from the settings and from the rooms that have them.
import type { Config } from './config.ts'
import type { ShownLimits } from './graphql/builder.ts'
import type { OperationLimits } from './graphql-limits/operation-limits.ts'
import { largestFile } from './speech-http/openai-form.ts'
import { maxTranscriptionSeconds } from './speech-http/openai-transcription.ts'
import { maxShortAudioSeconds } from './speech-http/short-audio.ts'
import { uploadSlots } from './uploads/upload-route.ts'

export const toShownLimits = ({ uploads, sessions }: Config): ShownLimits => ({
  upload: { bytes: uploads.maxBytes, atOnce: uploadSlots.slots },
  speech: {
    sessions: sessions.all,
    sessionsPerKey: sessions.ofKey,
    sessionsPerDeployment: sessions.ofDeployment,
    shortAudioSeconds: maxShortAudioSeconds,
    transcriptionSeconds: maxTranscriptionSeconds,
    transcriptionBytes: largestFile,
  },
})

export const toOperationLimits = ({ limits }: Config): OperationLimits => ({
  cost: limits.operationCost,
  depth: limits.operationDepth,
  subscriptionsPerSocket: limits.subscriptionsPerSocket,
  socketsPerKey: limits.socketsPerKey,
})
