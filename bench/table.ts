export interface Figure {
  what: string
  value: string
  /** The figure that was measured beside it in the same run. */
  baseline?: string
  ratio?: string
  difference?: string
}

export function printTable(title: string, figures: Figure[]): void {
  console.log(`\n${title}`)
  console.table(Object.fromEntries(figures.map(({ what, ...rest }) => [what, rest])))
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: readonly number[]) => percentile(values, 0.5)
export const milliseconds = (value: number) => `${value.toFixed(1)} ms`
