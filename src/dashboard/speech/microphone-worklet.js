// Runs in the audio thread: collects the microphone's samples into chunks of a tenth of a second.
class Chunks extends AudioWorkletProcessor {
  #chunk = new Float32Array(Math.round(sampleRate / 10))
  #filled = 0

  process([[samples] = []]) {
    for (const sample of samples ?? []) {
      this.#chunk[this.#filled++] = sample
      if (this.#filled < this.#chunk.length) continue
      this.port.postMessage(this.#chunk)
      this.#filled = 0
    }
    return true
  }
}

registerProcessor('chunks', Chunks)
