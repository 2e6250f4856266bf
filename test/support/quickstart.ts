// What a newcomer writes with the Speech SDK: recognize a WAV file continuously and print every event.
// Started as a program of its own: node quickstart.ts <WebSocket URL> <key> <WAV file>
import { readFileSync } from 'node:fs'
import { AudioConfig, CancellationReason, ResultReason, SpeechConfig, SpeechRecognizer } from 'microsoft-cognitiveservices-speech-sdk'

const [url = '', key = '', file = ''] = process.argv.slice(2)
const recognizer = new SpeechRecognizer(SpeechConfig.fromEndpoint(new URL(url), key), AudioConfig.fromWavFileInput(readFileSync(file)))

recognizer.recognizing = (_, { result }) => console.log(`RECOGNIZING: ${result.text}`)
recognizer.recognized = (_, { result }) => {
  if (result.reason === ResultReason.RecognizedSpeech) console.log(`RECOGNIZED: ${result.text}`)
}
recognizer.canceled = (_, { reason, errorDetails }) => {
  if (reason === CancellationReason.Error) console.log(`CANCELED: ${errorDetails}`)
}
recognizer.sessionStopped = () => recognizer.stopContinuousRecognitionAsync(() => recognizer.close())
recognizer.startContinuousRecognitionAsync()
