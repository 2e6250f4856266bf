// Sample programs for an endpoint. They read the key from the environment. After a failure a program prints the reason
// and exits with a code other than 0. The samples of the API are for other tools and do not choose a recognition mode.
interface SampleTarget {
  id: string
  httpUrl: string
  webSocketUrl: string
}

export interface SampleTab {
  name: string
  /** How to run the program. */
  needs: string
  code: string
}

/** The base URL for OpenAI's clients on the server of an endpoint. */
export const toOpenAiUrl = ({ httpUrl }: Pick<SampleTarget, 'httpUrl'>) => `${httpUrl.slice(0, httpUrl.lastIndexOf('/speech/recognition/'))}/v1`

export const toSampleTabs = ({ id, httpUrl, webSocketUrl }: SampleTarget): SampleTab[] => [
  {
    name: 'curl',
    needs: 'In a shell with KEY set. Needs curl 7.76 or later.',
    code: `curl --fail-with-body --data-binary @speech.wav \\
  -H "Ocp-Apim-Subscription-Key: $KEY" \\
  "${httpUrl}"`,
  },
  {
    name: 'JavaScript',
    needs: 'Save as speech.mjs. npm install microsoft-cognitiveservices-speech-sdk, then KEY=… node speech.mjs',
    code: `import { readFileSync } from 'node:fs'
import * as sdk from 'microsoft-cognitiveservices-speech-sdk'

const url = new URL('${webSocketUrl}')
const config = sdk.SpeechConfig.fromEndpoint(url, process.env.KEY)
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
    name: 'OpenAI',
    needs: 'Save as openai.mjs. npm install openai, then KEY=… node openai.mjs',
    code: `import { createReadStream } from 'node:fs'
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${toOpenAiUrl({ httpUrl })}', apiKey: process.env.KEY })
try {
  const file = createReadStream('speech.wav')
  const { text } = await client.audio.transcriptions.create({ model: '${id}', file })
  console.log(text)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}`,
  },
  {
    name: 'C#',
    needs: 'dotnet add package Microsoft.CognitiveServices.Speech',
    code: `using Microsoft.CognitiveServices.Speech;
using Microsoft.CognitiveServices.Speech.Audio;

var url = new Uri("${webSocketUrl}");
var config = SpeechConfig.FromEndpoint(url, Environment.GetEnvironmentVariable("KEY"));
using var audio = AudioConfig.FromWavFileInput("speech.wav");
using var recognizer = new SpeechRecognizer(config, audio);
var stopped = new TaskCompletionSource();
var exitCode = 0;

recognizer.Recognizing += (_, e) => Console.WriteLine($"… {e.Result.Text}");
recognizer.Recognized += (_, e) => Console.WriteLine(e.Result.Text);
recognizer.Canceled += (_, e) =>
{
    if (e.Reason != CancellationReason.Error) return;
    Console.Error.WriteLine(e.ErrorDetails);
    exitCode = 1;
};
recognizer.SessionStopped += (_, _) => stopped.TrySetResult();
await recognizer.StartContinuousRecognitionAsync();
await stopped.Task;
return exitCode;`,
  },
  {
    name: 'Python',
    needs: 'pip install azure-cognitiveservices-speech',
    code: `import os, sys, threading
import azure.cognitiveservices.speech as speechsdk

url = "${webSocketUrl}"
config = speechsdk.SpeechConfig(endpoint=url, subscription=os.environ["KEY"])
audio = speechsdk.audio.AudioConfig(filename="speech.wav")
recognizer = speechsdk.SpeechRecognizer(speech_config=config, audio_config=audio)
stopped = threading.Event()
errors = []

def canceled(event):
    if event.cancellation_details.reason == speechsdk.CancellationReason.Error:
        errors.append(event.cancellation_details.error_details)

recognizer.recognizing.connect(lambda event: print("…", event.result.text))
recognizer.recognized.connect(lambda event: print(event.result.text))
recognizer.canceled.connect(canceled)
recognizer.session_stopped.connect(lambda event: stopped.set())
recognizer.start_continuous_recognition()
stopped.wait()
sys.exit("\\n".join(errors))`,
  },
]
