/** The window over which the pace is measured. */
const windowSeconds = 10

/**
 * The recent pace of a transfer. The caller supplies the clock, which should stop while the server does not read, so
 * that only the slowness of the sender counts.
 */
export class Pace {
  readonly #minPerSecond: number
  /** The amounts of each of the last seconds. */
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

  /** True if the last ten seconds are below the minimum; never within the first ten. */
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
