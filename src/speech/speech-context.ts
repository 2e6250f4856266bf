// What clients of the WebSocket say of themselves and of their audio.
import { z } from 'zod'

const optional = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)
const milliseconds = optional(z.coerce.number().positive())
const word = optional(z.string().transform((value) => value.toLowerCase()))
const segmentation = optional(
  z.object({
    segmentation: optional(z.object({ segmentationSilenceTimeoutMs: milliseconds, segmentationForcedTimeoutMs: milliseconds })),
  }),
)

// What we do not know, and what is not of the shape that we know, is left alone.
export const speechConfig = z.object({ recognition: word }).catch({ recognition: undefined })
export const speechContext = z
  .object({
    phraseDetection: optional(
      z.object({
        mode: word,
        interactive: segmentation,
        conversation: segmentation,
        dictation: segmentation,
        initialSilenceTimeout: milliseconds,
        trailingSilenceTimeout: milliseconds,
        enrichment: optional(z.object({ profanity: word })),
      }),
    ),
    phraseOutput: optional(
      z.object({
        format: word,
        detailed: optional(z.object({ options: optional(z.array(z.string())) })),
        interimResults: optional(z.object({ resultType: word })),
      }),
    ),
    dgi: optional(
      z.object({
        bias: optional(z.number()),
        groups: optional(z.array(z.object({ items: optional(z.array(z.object({ text: z.string() }))) }))),
      }),
    ),
  })
  .catch({})
