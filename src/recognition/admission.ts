import { RecognizersBusyError, type StreamRequest } from './recognizer.ts'

/** What a second of speech costs a worker before it was measured, in seconds; beam search takes three times as much. */
const guessedCost = 0.1
const beamFactor = 3
/** No stream is taken to be free, whatever was measured. */
const leastCost = 0.02
/** The part of the workers' time that may be promised: what is left takes up bursts. */
const promised = 0.85
/** Past this load a deployment that has its share already is refused first. */
const contested = 0.75
/** How far the promise is stretched for a deployment that has no stream at all, so that long streams do not shut it out. */
const stretched = 1.15
/** Deployments that asked for a stream within this time count as wanting a share. */
const memoryMs = 10 * 60_000
const mostRemembered = 1000
/** How much one more measurement moves the estimate. */
const weight = 0.1

/**
 * Decides by measured cost whether one more stream has room: what decoding a second of its speech takes
 * a worker, as if everybody spoke all the time. Most people pause, so the promise is kept.
 */
export class Admission {
  readonly #capacity: number
  readonly #costs = new Map<string, number>()
  /** When each deployment last asked, the longest ago first. */
  readonly #asked = new Map<string, number>()
  readonly #open = new Map<string, { streams: number; load: number }>()
  #load = 0
  #streams = 0

  constructor(workers: number) {
    this.#capacity = workers * promised
  }

  /** Takes a place or throws {@link RecognizersBusyError}. */
  admit({ model, deploymentId, alternatives, phrases }: Pick<StreamRequest, 'model' | 'deploymentId' | 'alternatives' | 'phrases'>) {
    const isBeam = alternatives > 1 || phrases.length > 0 || model.words !== undefined
    const kind = `${model.encoder}${isBeam ? '+beam' : ''}`
    const cost = this.#costs.get(kind) ?? guessedCost * (isBeam ? beamFactor : 1)
    const own = this.#open.get(deploymentId) ?? { streams: 0, load: 0 }
    const wanted = this.#load + cost
    const others = this.#countOthers(deploymentId)
    const share = this.#capacity / (others + 1)
    const most = own.streams ? this.#capacity : this.#capacity * stretched
    const hasEnough = own.streams > 0 && others > 0 && own.load + cost > share
    const isFull = this.#streams > 0 && wanted > (hasEnough ? this.#capacity * contested : most)
    if (isFull) throw new RecognizersBusyError(`All ${this.#streams} places for speech are taken. Try again in a moment.`)
    this.#load = wanted
    this.#streams++
    this.#open.set(deploymentId, { streams: own.streams + 1, load: own.load + cost })
    let isOpen = true
    return {
      measured: (audioMs: number, ms: number) => {
        // What is shorter says more about the first steps than about a second of speech.
        if (audioMs < 1000) return
        const before = this.#costs.get(kind) ?? cost
        this.#costs.set(kind, Math.max(leastCost, before + weight * (ms / audioMs - before)))
      },
      leave: () => {
        if (!isOpen) return
        isOpen = false
        this.#streams--
        this.#load = this.#streams ? this.#load - cost : 0
        const now = this.#open.get(deploymentId)
        if (!now || now.streams <= 1) this.#open.delete(deploymentId)
        else this.#open.set(deploymentId, { streams: now.streams - 1, load: now.load - cost })
      },
    }
  }

  /** The other deployments that have streams, or wanted some lately; those that were refused, too. */
  #countOthers(deploymentId: string): number {
    const now = performance.now()
    this.#asked.delete(deploymentId)
    this.#asked.set(deploymentId, now)
    for (const [id, at] of this.#asked) {
      if (now - at < memoryMs && this.#asked.size <= mostRemembered) break
      this.#asked.delete(id)
    }
    return new Set([...this.#asked.keys(), ...this.#open.keys()]).size - 1
  }

  usage() {
    const cost = Math.max(leastCost, ...this.#costs.values(), this.#costs.size ? 0 : guessedCost)
    return { streams: this.#streams, mostStreams: Math.max(1, Math.floor(this.#capacity / cost)), load: this.#load / this.#capacity }
  }
}
