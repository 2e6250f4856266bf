import type { Endpoint } from './endpoint.ts'

/** A ready-made program that sends a recording to an endpoint. */
export interface Sample {
  tool: 'CURL' | 'JAVASCRIPT' | 'PYTHON' | 'SPEECH_SDK' | 'OPENAI'
  code: string
}

/** Samples filled in with an endpoint's URLs; the key stays a placeholder, since only its hash is known here. */
export function samplesOf({ id, httpUrl, webSocketUrl }: Endpoint): Sample[] {
  return [
    { tool: 'CURL', code: `curl --data-binary @speech.wav \\\n  -H "Ocp-Apim-Subscription-Key: $KEY" \\\n  "${httpUrl}"` },
    {
      tool: 'JAVASCRIPT',
      code: `import { readFile } from 'node:fs/promises'

const response = await fetch('${httpUrl}', {
  method: 'POST',
  headers: { 'Ocp-Apim-Subscription-Key': process.env.KEY },
  body: await readFile('speech.wav'),
})
const { RecognitionStatus, DisplayText } = await response.json()
console.log(RecognitionStatus, DisplayText)`,
    },
    {
      tool: 'PYTHON',
      code: `import json, os, urllib.request

request = urllib.request.Request(
    "${httpUrl}",
    data=open("speech.wav", "rb").read(),
    headers={"Ocp-Apim-Subscription-Key": os.environ["KEY"]},
)
print(json.load(urllib.request.urlopen(request))["DisplayText"])`,
    },
    {
      tool: 'SPEECH_SDK',
      code: `import { readFileSync } from 'node:fs'
import sdk from 'microsoft-cognitiveservices-speech-sdk'

const config = sdk.SpeechConfig.fromEndpoint(new URL('${webSocketUrl}'), process.env.KEY)
const audio = sdk.AudioConfig.fromWavFileInput(readFileSync('speech.wav'))
const recognizer = new sdk.SpeechRecognizer(config, audio)
recognizer.recognizing = (_, { result }) => console.log('…', result.text)
recognizer.recognized = (_, { result }) => console.log(result.text)
recognizer.canceled = (_, { errorDetails }) => errorDetails && console.error(errorDetails)
recognizer.sessionStopped = () => recognizer.close()
recognizer.startContinuousRecognitionAsync()`,
    },
    {
      tool: 'OPENAI',
      code: `import { createReadStream } from 'node:fs'
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${httpUrl.replace(/\/speech\/.*/, '/v1')}', apiKey: process.env.KEY })
const { text } = await client.audio.transcriptions.create({ model: '${id}', file: createReadStream('speech.wav') })
console.log(text)`,
    },
  ]
}
