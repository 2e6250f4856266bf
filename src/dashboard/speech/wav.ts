// Converts audio to WAV with 16-bit PCM and one channel.

/** The 44 bytes before the samples. `bytes` of 0 stands for a stream of unknown length. */
export function wavHeader(sampleRate: number, bytes = 0): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(44))
  const text = (at: number, word: string) => {
    for (let n = 0; n < word.length; n++) view.setUint8(at + n, word.charCodeAt(n))
  }
  text(0, 'RIFF')
  view.setUint32(4, bytes && bytes + 36, true)
  text(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  text(36, 'data')
  view.setUint32(40, bytes, true)
  return new Uint8Array(view.buffer)
}

export function toPcm(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const pcm = new DataView(new ArrayBuffer(samples.length * 2))
  samples.forEach((sample, n) => {
    pcm.setInt16(n * 2, Math.max(-1, Math.min(1, sample)) * 32_767, true)
  })
  return new Uint8Array(pcm.buffer)
}

const sampleRate = 16_000

/** True for 16-bit PCM with one or two channels and a header of 44 bytes. */
function isPlainWav(header: DataView): boolean {
  if (header.byteLength < 44) return false
  const isAt = (at: number, word: string) => [...word].every((letter, n) => header.getUint8(at + n) === letter.charCodeAt(0))
  const [format, channels, bits] = [20, 22, 34].map((at) => header.getUint16(at, true))
  return isAt(0, 'RIFF') && isAt(8, 'WAVEfmt ') && format === 1 && bits === 16 && (channels === 1 || channels === 2)
}

/** Bytes of samples per second. */
export const readByteRate = async (wav: Blob) => new DataView(await wav.slice(28, 32).arrayBuffer()).getUint32(0, true)

/** Returns a plain WAV file unchanged and decodes any other audio that this browser can play. */
export async function toWav(file: Blob): Promise<Blob> {
  if (isPlainWav(new DataView(await file.slice(0, 44).arrayBuffer()))) return file
  const context = new OfflineAudioContext(1, 1, sampleRate)
  const audio = await context.decodeAudioData(await file.arrayBuffer())
  const mixer = new OfflineAudioContext(1, Math.ceil(audio.duration * sampleRate), sampleRate)
  const source = new AudioBufferSourceNode(mixer, { buffer: audio })
  source.connect(mixer.destination)
  source.start()
  const pcm = toPcm((await mixer.startRendering()).getChannelData(0))
  return new Blob([wavHeader(sampleRate, pcm.length), pcm], { type: 'audio/wav' })
}
