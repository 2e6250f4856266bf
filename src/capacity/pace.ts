/** The window over which progress is looked at, in parts of a second. */
const windowSeconds = 10

/**
 * How much has come of a transfer lately. Its clock is the caller's: it should stand still while the server does not
 * read, so that only the sender's own slowness counts.
 */
export class Pace {
  readonly #minPerSecond: number
  /** What came in each of the last seconds. */
  readonly #amounts = new Array<number>(windowSeconds).fill(0)
  #second = 0

  constructor(minPerSecond: number) {
    this.#minPerSecond = minPerSecond
  }

  /** `at` counts milliseconds since the transfer began. */
  add(amount: number, at: number): void {
    this.#turn(at)
    const index = this.#second % windowSeconds
    this.#amounts[index] = (this.#amounts[index] ?? 0) + amount
  }

  /** Whether less than the minimum has come in the last ten seconds; never within the first ten. */
  isSlow(at: number): boolean {
    this.#turn(at)
    const sum = this.#amounts.reduce((total, amount) => total + amount, 0)
    return at >= windowSeconds * 1000 && sum < this.#minPerSecond * windowSeconds
  }

  #turn(at: number) {
    const second = Math.floor(at / 1000)
    for (let n = Math.max(this.#second + 1, second - windowSeconds + 1); n <= second; n++) this.#amounts[n % windowSeconds] = 0
    this.#second = Math.max(this.#second, second)
  }
}
