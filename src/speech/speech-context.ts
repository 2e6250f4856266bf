// The bodies of speech.config and speech.context, as the JavaScript and the native Speech SDK write them.
import { z } from 'zod'

const optional = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)
const milliseconds = optional(z.coerce.number().positive())
const word = optional(z.string().transform((value) => value.toLowerCase()))
const action = optional(z.object({ action: word }))
const languages = optional(z.array(z.string().max(100)).max(100))
const segmentation = optional(
  z.object({
    segmentation: optional(z.object({ segmentationsilencetimeoutms: milliseconds, segmentationforcedtimeoutms: milliseconds })),
  }),
)

// Unknown keys and values of an unexpected shape are ignored. All keys are in lower case here.
const configSchema = z.object({ recognition: word }).catch({ recognition: undefined })
const contextSchema = z
  .object({
    phrasedetection: optional(
      z.object({
        mode: word,
        interactive: segmentation,
        conversation: segmentation,
        dictation: segmentation,
        initialsilencetimeout: milliseconds,
        trailingsilencetimeout: milliseconds,
        enrichment: optional(z.object({ profanity: word, pronunciationassessment: z.unknown().optional() })),
        onsuccess: action,
        speakerdiarization: z.unknown().optional(),
      }),
    ),
    phraseoutput: optional(
      z.object({
        format: word,
        detailed: optional(z.object({ options: optional(z.array(z.string())) })),
        interimresults: optional(z.object({ resulttype: word })),
      }),
    ),
    dgi: optional(
      z.object({
        bias: optional(z.number()),
        groups: optional(z.array(z.object({ items: optional(z.array(z.object({ text: z.string() }))) }))),
      }),
    ),
    languageid: optional(z.object({ languages, onsuccess: action })),
    translation: z.unknown().optional(),
    intent: z.unknown().optional(),
  })
  .catch({})

export type SpeechContext = z.infer<typeof contextSchema>

export const readSpeechConfig = (body: unknown) => configSchema.parse(foldKeys(body ?? {}))
export const readSpeechContext = (body: unknown): SpeechContext => contextSchema.parse(foldKeys(body ?? {}))

const maxDepth = 12

/** Keys in lower case: the JavaScript SDK writes `groups`, the native one `Groups`. */
function foldKeys(value: unknown, depth = 0): unknown {
  if (depth > maxDepth || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one) => foldKeys(one, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toLowerCase(), foldKeys(one, depth + 1)]))
}
