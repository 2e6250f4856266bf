import { Counter, Gauge, Histogram, Registry } from 'prom-client'

type Labels = Record<string, string | number>
/** One value without labels, or values with their labels. */
type Values = number | readonly (readonly [labels: Labels, value: number])[]
type Read = () => Values | Promise<Values>

/** The metrics of one service in Prometheus' text format. Names are written in full, so that a search finds them. */
export class Metrics {
  readonly #registry = new Registry()
  readonly contentType = this.#registry.contentType

  /** A value that is read at each scrape. */
  gauge(name: string, help: string, labelNames: readonly string[], read: Read): void {
    const collect = async () => {
      const values = await read()
      gauge.reset()
      for (const [labels, value] of toList(values)) gauge.set(labels, value)
    }
    const gauge = new Gauge({ name, help, labelNames, registers: [this.#registry], collect })
  }

  /** A total that another part counts, and that is read at each scrape. */
  total(name: string, help: string, labelNames: readonly string[], read: Read): void {
    const collect = async () => {
      const values = await read()
      counter.reset()
      for (const [labels, value] of toList(values)) counter.inc(labels, value)
    }
    const counter = new Counter({ name, help, labelNames, registers: [this.#registry], collect })
  }

  /** A total that the returned function counts. Prometheus sees the first increase only of values that were there as zeros. */
  counter(name: string, help: string, labelNames: readonly string[], zeros: readonly Labels[] = []): (labels: Labels) => void {
    const counter = new Counter({ name, help, labelNames, registers: [this.#registry] })
    for (const labels of zeros) counter.inc(labels, 0)
    return (labels) => counter.inc(labels)
  }

  /** The distribution of the values that the returned function receives. */
  histogram(name: string, help: string, labelNames: readonly string[], buckets: number[]): (labels: Labels, value: number) => void {
    const histogram = new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] })
    return (labels, value) => histogram.observe(labels, value)
  }

  write(): Promise<string> {
    return this.#registry.metrics()
  }
}

const toList = (values: Values) => (typeof values === 'number' ? ([[{}, values]] as const) : values)
