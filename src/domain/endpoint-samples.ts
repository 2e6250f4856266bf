import type { Endpoint } from './endpoint.ts'

/** A program that sends a recording to an endpoint. After a failure, the program prints the reason and exits with a code other than 0. */
export interface Sample {
  tool: 'CURL' | 'JAVASCRIPT' | 'PYTHON' | 'SPEECH_SDK' | 'OPENAI'
  code: string
}

/** Samples with the URLs of an endpoint. The key is a placeholder, since the server has only hashes of keys. */
export function samplesOf({ id, httpUrl, webSocketUrl }: Endpoint): Sample[] {
  const openAiUrl = `${httpUrl.slice(0, httpUrl.lastIndexOf('/speech/recognition/'))}/v1`
  return [
    { tool: 'CURL', code: `curl --fail-with-body --data-binary @speech.wav \\\n  -H "Ocp-Apim-Subscription-Key: $KEY" \\\n  "${httpUrl}"` },
    {
      tool: 'JAVASCRIPT',
      code: `import { readFile } from 'node:fs/promises'

const response = await fetch('${httpUrl}', {
  method: 'POST',
  headers: { 'Ocp-Apim-Subscription-Key': process.env.KEY },
  body: await readFile('speech.wav'),
})
const answer = await response.json()
if (response.ok) {
  console.log(answer.RecognitionStatus, answer.DisplayText)
} else {
  console.error(answer.code, answer.detail)
  process.exitCode = 1
}`,
    },
    {
      tool: 'PYTHON',
      code: `import json, os, sys, urllib.error, urllib.request

request = urllib.request.Request(
    "${httpUrl}",
    data=open("speech.wav", "rb").read(),
    headers={"Ocp-Apim-Subscription-Key": os.environ["KEY"]},
)
try:
    print(json.load(urllib.request.urlopen(request))["DisplayText"])
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())`,
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
recognizer.canceled = (_, { reason, errorDetails }) => {
  if (reason !== sdk.CancellationReason.Error) return
  console.error(errorDetails)
  process.exitCode = 1
}
recognizer.sessionStopped = () => recognizer.close()
recognizer.startContinuousRecognitionAsync()`,
    },
    {
      tool: 'OPENAI',
      code: `import { createReadStream } from 'node:fs'
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${openAiUrl}', apiKey: process.env.KEY })
try {
  const { text } = await client.audio.transcriptions.create({ model: '${id}', file: createReadStream('speech.wav') })
  console.log(text)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}`,
    },
  ]
}
