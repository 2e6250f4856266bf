/** What the data plane has done since it began; only ever counted up, except what is open. */
export interface Counters {
  audioSeconds: number
  phrases: number
  /** Refusals and failures by their code, and ends of sockets by their name. */
  problems: Map<string, number>
}

export const createCounters = (): Counters => ({ audioSeconds: 0, phrases: 0, problems: new Map() })

export const countProblem = ({ problems }: Counters, code: string) => void problems.set(code, (problems.get(code) ?? 0) + 1)
