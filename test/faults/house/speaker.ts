// Clients of the Speech SDK that speak one sentence again and again, in real time, through the proxy.
import { AudioConfig, AudioInputStream, AudioStreamFormat } from 'microsoft-cognitiveservices-speech-sdk'
import { countWordErrors } from '../../../src/decoding/word-errors.ts'
import { referenceRecording, referenceText } from '../../support/service.ts'
import { configFor, openRecognizer, samplesOf, silence } from '../../support/speech-client.ts'

const rate = 32_000
const piece = rate / 10
const sentence = Buffer.concat([samplesOf(referenceRecording()), silence(1.2)])

export interface Speaker {
  /** Ends with the present sentence; answers what was said and what was heard. */
  stop(): Promise<{ sentences: number; phrases: number; wrongWords: number; connections: number; problems: string[] }>
}

export async function startSpeaker(webSocketUrl: string, key: string): Promise<Speaker> {
  const stream = AudioInputStream.createPushStream(AudioStreamFormat.getWaveFormatPCM(16_000, 16, 1))
  const client = openRecognizer(configFor(webSocketUrl.replace(/(?<=recognition\/)\w+/, 'conversation'), key), AudioConfig.fromStreamInput(stream))
  let isOver = false
  let at = 0
  const began = performance.now()
  const spoken = new Promise<void>((done) => {
    const say = () => {
      for (; performance.now() - began >= (at / rate) * 1000; at += piece) {
        const from = at % sentence.length
        if (isOver && from < piece) {
          stream.close()
          return done()
        }
        stream.write(new Uint8Array(sentence.subarray(from, from + piece)).buffer)
        at -= Math.max(0, from + piece - sentence.length)
      }
      setTimeout(say, 20)
    }
    say()
  })
  await client.start()
  return {
    async stop() {
      isOver = true
      await spoken
      await client.until(() => client.of('sessionStopped').length > 0 || client.of('canceled').some(({ reason }) => reason === 'Error'))
      const sentences = Math.round(at / sentence.length)
      const problems = client.of('canceled').flatMap(({ reason, code, details }) => (reason === 'Error' ? [`${code}: ${details}`] : []))
      const expected = Array.from({ length: sentences }, () => referenceText).join(' ')
      return {
        sentences,
        phrases: client.phrases().length,
        wrongWords: countWordErrors(expected, client.text()).errors,
        connections: client.of('sessionStarted').length,
        problems,
      }
    },
  }
}
