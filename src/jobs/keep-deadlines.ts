import type { Service } from '../domain/context.ts'
import { enforceDeadlines } from '../domain/deployment-deadline.ts'
import { enforceModelDeadlines } from '../domain/model-lifecycle.ts'
import { enforceEvaluationDeadlines } from '../evaluation/deadlines.ts'
import { enforceRevisionDeadlines } from '../revisions/revision-deadline.ts'
import { runRounds } from './rounds.ts'

/** The interval of the checks of deadlines. Every process with the role api or jobs checks them. */
const intervalMs = 1000

/** Enforces deadlines until closed. Rounds fail while Postgres is unavailable. */
export function keepDeadlines(service: Service) {
  const failed = (error: unknown) => service.log.debug({ reason: error }, 'deadlines were not enforced')
  const enforce = [enforceDeadlines, enforceRevisionDeadlines, enforceModelDeadlines, enforceEvaluationDeadlines]
  return runRounds(() => Promise.all(enforce.map((one) => one(service))), {
    firstMs: 0,
    intervalMs,
    failed,
  })
}
