import { sampleRate } from '../audio/pcm.ts'
import type { Phrase, RecognizerStream } from './recognizer-stream.ts'
import type { Recognition, RecognitionRequest, Recognizers } from './recognizers-port.ts'

/** Recognizes a whole recording through a stream, no faster than the stream accepts audio. */
export function recognizeWhole(recognizers: Pick<Recognizers, 'open'>, request: RecognitionRequest, signal?: AbortSignal): Promise<Recognition> {
  const { model, audio, mode, listening, admitted } = request
  const piece = audio.sampleRate * audio.channels * 2
  return new Promise((resolved, rejected) => {
    const phrases: Phrase[] = []
    let stream: RecognizerStream | undefined
    let heardSpeech = false
    let at = 0
    let began = 0
    const abandon = () => {
      stream?.close()
      rejected(signal?.reason instanceof Error ? signal.reason : new Error('canceled'))
    }
    const write = () => {
      let isTaken = true
      for (; isTaken && at < audio.samples.length; at += piece) isTaken = stream?.write(audio.samples.subarray(at, at + piece)) ?? false
      if (at >= audio.samples.length) stream?.finish()
    }
    signal?.throwIfAborted()
    signal?.addEventListener('abort', abandon, { once: true })
    const settled = () => signal?.removeEventListener('abort', abandon)
    const format = { sampleRate: audio.sampleRate, channels: audio.channels }
    recognizers
      .open(
        { model, workspaceId: '', deploymentId: '', mode, listening, format, interims: false, alternatives: 1, wordTimings: false, phrases: [], isOfJob: true },
        {
          event(event) {
            if (event.kind === 'PHRASE') phrases.push(event.phrase)
            if (event.kind === 'NO_MATCH' || event.kind === 'SPEECH_START') heardSpeech = true
            if (event.kind !== 'ENDED') return
            settled()
            const heard = listening.firstPhraseOnly && phrases.length ? Math.floor((audio.samples.length / piece) * sampleRate) : event.heard
            resolved({
              status: phrases.length ? 'SUCCESS' : heardSpeech ? 'NO_MATCH' : 'INITIAL_SILENCE',
              phrases,
              heard,
              elapsedMs: performance.now() - began,
            })
          },
          drained: write,
          failed(error) {
            settled()
            rejected(error)
          },
        },
        { waitMs: Number.POSITIVE_INFINITY, ...(signal && { signal }) },
      )
      .then((opened) => {
        stream = opened
        began = performance.now()
        admitted?.()
        if (signal?.aborted) stream.close()
        else write()
      })
      .catch((error) => {
        settled()
        rejected(error)
      })
  })
}
