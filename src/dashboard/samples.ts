// Programs to start from, filled in with an endpoint. Keys stay out of them: they come from the environment.
interface Urls {
  httpUrl: string
  webSocketUrl: string
}

export interface Sample {
  name: string
  needs: string
  code: string
}

export const samplesOf = ({ httpUrl, webSocketUrl }: Urls): Sample[] => [
  {
    name: 'curl',
    needs: 'A recording of up to a minute, over HTTP: WAV, MP3, M4A and others.',
    code: `curl --data-binary @speech.wav \\
  -H "Ocp-Apim-Subscription-Key: $KEY" \\
  "${httpUrl}"`,
  },
  {
    name: 'JavaScript',
    needs: 'npm install microsoft-cognitiveservices-speech-sdk',
    code: `import { readFileSync } from 'node:fs'
import * as sdk from 'microsoft-cognitiveservices-speech-sdk'

const url = new URL('${webSocketUrl}')
const config = sdk.SpeechConfig.fromEndpoint(url, process.env.KEY)
const audio = sdk.AudioConfig.fromWavFileInput(readFileSync('speech.wav'))
const recognizer = new sdk.SpeechRecognizer(config, audio)

recognizer.recognizing = (_, { result }) => console.log('…', result.text)
recognizer.recognized = (_, { result }) => console.log(result.text)
recognizer.canceled = (_, { errorDetails }) => errorDetails && console.error(errorDetails)
recognizer.sessionStopped = () => recognizer.close()
recognizer.startContinuousRecognitionAsync()`,
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

recognizer.Recognizing += (_, e) => Console.WriteLine($"… {e.Result.Text}");
recognizer.Recognized += (_, e) => Console.WriteLine(e.Result.Text);
recognizer.Canceled += (_, e) => Console.Error.WriteLine(e.ErrorDetails);
recognizer.SessionStopped += (_, _) => stopped.TrySetResult();
await recognizer.StartContinuousRecognitionAsync();
await stopped.Task;`,
  },
  {
    name: 'Python',
    needs: 'pip install azure-cognitiveservices-speech',
    code: `import os, threading
import azure.cognitiveservices.speech as speechsdk

url = "${webSocketUrl}"
config = speechsdk.SpeechConfig(endpoint=url, subscription=os.environ["KEY"])
audio = speechsdk.audio.AudioConfig(filename="speech.wav")
recognizer = speechsdk.SpeechRecognizer(speech_config=config, audio_config=audio)
stopped = threading.Event()

recognizer.recognizing.connect(lambda event: print("…", event.result.text))
recognizer.recognized.connect(lambda event: print(event.result.text))
recognizer.session_stopped.connect(lambda event: stopped.set())
recognizer.start_continuous_recognition()
stopped.wait()`,
  },
]
