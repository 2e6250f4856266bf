import { toPcm } from './wav.ts'

export interface Microphone {
  sampleRate: number
  close(): void
}

/** The rate of the recognizer. Endpoints would reduce a higher one to it. */
const wantedRate = 16_000

/** Opens the microphone. `heard` receives a tenth of a second at a time, with its loudness from 0 to 1. Rejects with a message for the user. */
export async function openMicrophone(heard: (pcm: Uint8Array, level: number) => void): Promise<Microphone> {
  if (!navigator.mediaDevices)
    throw new Error('Browsers allow the microphone only on https:// pages and on localhost. Open the dashboard there, or choose a recording.')
  const media = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } }).catch((error: DOMException) => {
    throw new Error(
      error.name === 'NotAllowedError'
        ? 'This page is not allowed to use the microphone. Allow it in the address bar, then try again.'
        : `No microphone was found (${error.name}). Connect one, then try again.`,
    )
  })
  const context = openContext(media)
  const close = () => {
    for (const track of media.getTracks()) track.stop()
    void context.audio.close()
  }
  try {
    await context.audio.audioWorklet.addModule(new URL('./microphone-worklet.js', import.meta.url))
    const worklet = new AudioWorkletNode(context.audio, 'chunks', { numberOfOutputs: 0 })
    worklet.port.onmessage = ({ data }: MessageEvent<Float32Array>) => heard(toPcm(data), loudness(data))
    context.source.connect(worklet)
  } catch (error) {
    close()
    throw error
  }
  return { sampleRate: context.audio.sampleRate, close }
}

function openContext(media: MediaStream) {
  try {
    const audio = new AudioContext({ sampleRate: wantedRate })
    return { audio, source: audio.createMediaStreamSource(media) }
  } catch {
    // Some browsers do not resample microphones. The endpoint then does it.
    const audio = new AudioContext()
    return { audio, source: audio.createMediaStreamSource(media) }
  }
}

function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length
  return Math.min(1, Math.sqrt(power) * 5)
}
