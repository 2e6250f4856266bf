// What clients of other speech services ask a recognizing endpoint for, and what they are told: nobody waits in vain.
import * as current from 'microsoft-cognitiveservices-speech-sdk'
import * as old from 'speech-sdk-old'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { openTestService, referenceRecording, referenceText, type Service } from '../support/service.ts'

let api: Service
let url: string
beforeAll(async () => {
  api = await openTestService()
  url = (await api.deployEndpoint()).webSocketUrl
})
afterAll(() => api.close())

const reference = referenceRecording()
const host = () => new URL(api.localUrl.replace('http', 'ws'))

describe.each([
  ['1.52', current],
  ['1.36', old as unknown as typeof current],
])('with the SDK %s', (_, sdk) => {
  const audio = () => sdk.AudioConfig.fromWavFileInput(reference, 'test.wav')
  const speechConfig = () => sdk.SpeechConfig.fromEndpoint(new URL(url), api.key)
  const once = <R>(recognizer: { recognizeOnceAsync(done: (result: R) => void, failed: (error: string) => void): void; close(): void }) => {
    onTestFinished(() => void recognizer.close())
    return new Promise<R>((done, failed) => recognizer.recognizeOnceAsync(done, (error) => failed(new Error(error))))
  }
  /** What is told during continuous recognition, until the session stops or is canceled. */
  const continuously = (recognizer: current.SpeechRecognizer | current.TranslationRecognizer) => {
    onTestFinished(() => void recognizer.close())
    return new Promise<{ details: string }>((done, failed) => {
      recognizer.canceled = (_: unknown, event: { errorDetails: string }) => done({ details: event.errorDetails ?? '' })
      recognizer.sessionStopped = () => done({ details: '' })
      recognizer.startContinuousRecognitionAsync(undefined, (error) => failed(new Error(error)))
    })
  }

  const speak = async (config: current.SpeechConfig) => {
    const synthesizer = new sdk.SpeechSynthesizer(config, null as unknown as undefined)
    onTestFinished(() => synthesizer.close())
    return new Promise<current.SpeechSynthesisResult>((done, failed) => synthesizer.speakTextAsync('hello', done, (error) => failed(new Error(error))))
  }

  test('a synthesizer gets an error at the endpoint and at the host', async () => {
    for (const config of [speechConfig(), sdk.SpeechConfig.fromHost(host(), api.key)]) {
      const { reason, errorDetails } = await speak(config)
      expect(sdk.ResultReason[reason]).toBe('Canceled')
      expect(errorDetails).toContain('FEATURE_NOT_SUPPORTED: This endpoint does not synthesize speech.')
    }
  })

  test('a translation recognizer gets an error at the endpoint and at the host', async () => {
    const configs = [() => sdk.SpeechTranslationConfig.fromEndpoint(new URL(url), api.key), () => sdk.SpeechTranslationConfig.fromHost(host(), api.key)]
    for (const create of configs) {
      const config = create()
      config.speechRecognitionLanguage = 'en-US'
      config.addTargetLanguage('de')
      const result = await once(new sdk.TranslationRecognizer(config, audio()))
      expect([sdk.ResultReason[result.reason], result.errorDetails]).toEqual([
        'Canceled',
        expect.stringContaining('FEATURE_NOT_SUPPORTED: This endpoint does not translate'),
      ])
      expect((await continuously(new sdk.TranslationRecognizer(config, audio()))).details).toContain('FEATURE_NOT_SUPPORTED: This endpoint does not translate')
    }
  })

  test('a pronunciation assessment gets an error', async () => {
    const recognizer = new sdk.SpeechRecognizer(speechConfig(), audio())
    new sdk.PronunciationAssessmentConfig('we walked along the river').applyTo(recognizer as never)
    const result = await once(recognizer)
    expect([sdk.ResultReason[result.reason], result.errorDetails]).toEqual([
      'Canceled',
      expect.stringContaining('FEATURE_NOT_SUPPORTED: This endpoint does not assess'),
    ])
  })

  test.each(['AtStart', 'Continuous'] as const)('language detection %s finds the deployment’s language in every result', async (mode) => {
    const languages = sdk.AutoDetectSourceLanguageConfig.fromLanguages(['de-DE', 'en-US'])
    languages.mode = sdk.LanguageIdMode[mode]
    const recognizer = sdk.SpeechRecognizer.FromConfig(speechConfig(), languages, audio())
    const told: string[] = []
    recognizer.recognizing = (_, { result }) => told.push(sdk.AutoDetectSourceLanguageResult.fromResult(result as never).language)
    const texts: string[] = []
    recognizer.recognized = (_, { result }) => {
      const { language, languageDetectionConfidence } = sdk.AutoDetectSourceLanguageResult.fromResult(result as never)
      told.push(`${language} ${languageDetectionConfidence}`)
      texts.push(result.text)
    }
    expect((await continuously(recognizer)).details).toBe('')
    expect(new Set(told)).toEqual(new Set([...(told.includes('en-US') ? ['en-US'] : []), 'en-US Unknown']))
    expect(countWordErrors(referenceText, texts.join(' ')).errors).toBe(0)
  })

  test('language detection without the deployment’s language gets an error that names the languages', async () => {
    const languages = sdk.AutoDetectSourceLanguageConfig.fromLanguages(['de-DE', 'fr-FR'])
    const result = await once(sdk.SpeechRecognizer.FromConfig(speechConfig(), languages, audio()))
    expect(result.errorDetails).toContain('LANGUAGE_NOT_AVAILABLE: This endpoint recognizes en-US, which is not among de-DE, fr-FR.')
  })

  test('language detection accepts any language and another region', async () => {
    for (const languages of [sdk.AutoDetectSourceLanguageConfig.fromOpenRange(), sdk.AutoDetectSourceLanguageConfig.fromLanguages(['en-GB'])]) {
      const result = await once(sdk.SpeechRecognizer.FromConfig(speechConfig(), languages, audio()))
      expect(sdk.AutoDetectSourceLanguageResult.fromResult(result as never).language).toBe('en-US')
      expect(result.text).toContain('river')
    }
  })

  test('a conversation transcriber gets the speaker Unknown', async () => {
    const transcriber = new sdk.ConversationTranscriber(speechConfig(), audio())
    onTestFinished(() => void transcriber.close())
    const results: { text: string; speakerId: string }[] = []
    transcriber.transcribed = (_, { result }) => void (result.text && results.push({ text: result.text, speakerId: result.speakerId }))
    const details = await new Promise<string>((done, failed) => {
      transcriber.canceled = (_, event) => done(event.errorDetails ?? '')
      transcriber.sessionStopped = () => done('')
      transcriber.startTranscribingAsync(undefined, (error) => failed(new Error(error)))
    })
    expect(details).toBe('')
    expect(new Set(results.map(({ speakerId }) => speakerId))).toEqual(new Set(['Unknown']))
    expect(countWordErrors(referenceText, results.map(({ text }) => text).join(' ')).errors).toBe(0)
  })

  test('a meeting transcriber gets an error', async () => {
    const config = sdk.SpeechTranslationConfig.fromSubscription(api.key, 'none')
    config.setProperty(sdk.PropertyId.SpeechServiceConnection_Endpoint, url)
    const meeting = sdk.Meeting.createMeetingAsync(config, 'meeting', () => {})
    // The SDK asks for an array of microphones here.
    const microphones = sdk.AudioInputStream.createPushStream(sdk.AudioStreamFormat.getWaveFormatPCM(16_000, 16, 8))
    microphones.write(new ArrayBuffer(256_000))
    microphones.close()
    const transcriber = new sdk.MeetingTranscriber(sdk.AudioConfig.fromStreamInput(microphones))
    onTestFinished(() => void transcriber.close())
    await new Promise<void>((done, failed) => transcriber.joinMeetingAsync(meeting, done, (error) => failed(new Error(error))))
    const details = await new Promise<string>((done, failed) => {
      transcriber.canceled = (_, event) => done(event.errorDetails ?? '')
      transcriber.sessionStopped = () => done('')
      transcriber.startTranscribingAsync(undefined, (error) => failed(new Error(error)))
    })
    expect(details).toContain('FEATURE_NOT_SUPPORTED: This endpoint does not identify meeting participants')
  })

  test('a dialog connector gets an error', async () => {
    const config = sdk.BotFrameworkConfig.fromHost(host() as never, api.key) as current.BotFrameworkConfig
    const connector = new sdk.DialogServiceConnector(config, audio())
    onTestFinished(() => void connector.close())
    const details = await new Promise<string>((done, failed) => {
      connector.canceled = (_, event) => done(event.errorDetails)
      connector.listenOnceAsync(
        ({ errorDetails }) => done(errorDetails),
        (error) => failed(new Error(error)),
      )
    })
    expect(details).toContain('FEATURE_NOT_SUPPORTED: This endpoint does not run dialogs')
  })
})

test('an intent recognizer gets an error', async () => {
  const recognizer = new old.IntentRecognizer(old.SpeechConfig.fromEndpoint(new URL(url), api.key), old.AudioConfig.fromWavFileInput(reference, 'test.wav'))
  onTestFinished(() => void recognizer.close())
  recognizer.addAllIntents(old.LanguageUnderstandingModel.fromAppId('app'))
  const result = await new Promise<old.IntentRecognitionResult>((done, failed) => recognizer.recognizeOnceAsync(done, (error) => failed(new Error(error))))
  expect(result.errorDetails).toContain('FEATURE_NOT_SUPPORTED: This endpoint does not recognize intents')
})
