import { inPieces } from '../audio/read-recording.ts'
import type { Phrase } from '../recognition/recognizer-stream.ts'
import { segmentationSettingsFor } from '../recognition/segmentation-settings.ts'
import { findSecret, identify } from '../speech/authorization.ts'
import type { DataPlane } from '../speech/data-plane.ts'
import { explainOtherLanguage } from '../speech/language.ts'
import { TranscriptEvents } from './openai-events.ts'
import { withForm } from './openai-form.ts'
import { admitToModel } from './openai-models.ts'
import { readTranscriptionRequest } from './openai-request.ts'
import { sendTranscript } from './openai-transcript.ts'
import { maxTranscriptionSeconds } from './recording-limits.ts'
import { hearRecording, provenance } from './short-audio.ts'
import { type Exchange, whileAllowed } from './short-audio-route.ts'
import { writeWarnings } from './warnings.ts'

// The audio API of OpenAI, as far as transcription goes.
// https://platform.openai.com/docs/api-reference/audio/createTranscription

const mode = 'conversation'

/** Transcribes the recording in a form. The response is the whole text, or events phrase by phrase. */
export async function transcribe(speech: DataPlane, { request, response, query, gone }: Exchange): Promise<void> {
  const caller = await speech.letIn(request, identify(speech, findSecret(request, query)))
  if (request.headers.expect) response.writeContinue()
  await withForm(request, caller.workspaceId, gone, async (form) => {
    const wanted = readTranscriptionRequest(form)
    const admitted = await speech.letIn(request, admitToModel(speech, caller, { request, query }, wanted.model))
    const { served, model } = admitted
    const { locale } = served.deployment
    const warnings = [explainOtherLanguage(locale, wanted.languages) ?? [], wanted.warnings].flat()
    const recording = {
      model,
      workspaceId: served.deployment.workspaceId,
      deploymentId: served.deployment.id,
      mode,
      listening: { ...segmentationSettingsFor(served.acousticModel.scenario, mode), firstPhraseOnly: false },
      alternatives: 1,
      wordTimings: wanted.wordTimings,
      phrases: wanted.hints,
    } as const
    for (const [name, value] of Object.entries({ ...provenance(served, mode), ...writeWarnings(warnings) })) response.setHeader(name, value)
    const events = wanted.stream ? new TranscriptEvents(response) : undefined
    try {
      await whileAllowed(speech, admitted, gone, async (signal) => {
        const onPhrase = (phrase: Phrase) => events?.phrase(phrase)
        const heard = await hearRecording(
          { ...speech, recognizers: speech.shadows.follow(speech.recognizers, served) },
          recording,
          { body: inPieces(form.file), fileBytes: form.file.length },
          maxTranscriptionSeconds,
          signal,
          onPhrase,
        )
        const all = { ...heard, warnings: [...warnings, ...heard.warnings] }
        if (events) events.done(all)
        else sendTranscript(response, all, { ...wanted, locale, revision: served.revision })
      })
    } catch (error) {
      if (gone.aborted || !events?.hasBegun) throw error
      events.fail(speech.explain(error))
    }
  })
}
