// The outcomes of the soak's clients, counted by client, and the reasons of all that are not right.
import { countWordErrors } from '../../src/decoding/word-errors.ts'

export type SoakOutcome = 'right' | 'wrong' | 'busy' | 'hung' | 'failed' | 'refused'

const counts = new Map<string, Record<SoakOutcome, number>>()
const complaints: string[] = []

export function countOutcome(client: string, outcome: SoakOutcome) {
  const row = counts.get(client) ?? { right: 0, wrong: 0, busy: 0, hung: 0, failed: 0, refused: 0 }
  row[outcome]++
  counts.set(client, row)
}

export const sumOf = (outcome: SoakOutcome) => [...counts.values()].reduce((total, row) => total + row[outcome], 0)

export function printOutcomes() {
  console.table(Object.fromEntries(counts))
}

export function printComplaints() {
  for (const complaint of complaints.slice(0, 10)) console.log(complaint)
}

/** Compares the recognized text with the spoken one; one word in six can be wrong. */
export function judge(text: string, heard: string | undefined, problem?: string): SoakOutcome {
  if (problem && /parallel requests|TOO_MANY/.test(problem)) return 'busy'
  if (heard && countWordErrors(text, heard).errors <= Math.ceil(text.split(' ').length / 6)) return 'right'
  complaints.push(`${problem ?? 'heard'}: "${heard}" for "${text}"`)
  return heard ? 'wrong' : 'failed'
}

/** A client or format that this server does not take; each is reported once. */
export function refuse(reason: string): SoakOutcome {
  if (!complaints.includes(reason)) complaints.push(reason)
  return 'refused'
}

export function complain(error: unknown): SoakOutcome {
  complaints.push(String(error))
  return 'failed'
}
