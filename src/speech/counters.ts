/** Totals of the data plane since the process started. */
export interface Counters {
  audioSeconds: number
  phrases: number
  /** Refusals and failures by code, and abnormal ends of sockets by name. */
  problems: Map<string, number>
}

export const createCounters = (): Counters => ({ audioSeconds: 0, phrases: 0, problems: new Map() })

export const countProblem = ({ problems }: Counters, code: string) => void problems.set(code, (problems.get(code) ?? 0) + 1)
