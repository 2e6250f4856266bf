import type { IncomingMessage } from 'node:http'
import type { Decoders } from '../audio/decoders.ts'
import type { Config } from '../config.ts'
import { ProblemError } from '../http/problem.ts'
import { presentRequestId } from '../http/request-record.ts'
import { refuseKey, welcome } from '../http/strangers.ts'
import { logUnavailable } from '../postgres/log-unavailable.ts'
import type { SharedCounts } from '../postgres/shared-counts.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import type { AuthorizationContext } from './authorization.ts'
import { countProblem, createCounters } from './counters.ts'
import { createProfanityFilter } from './profanity.ts'
import { createRevocation, type Revocation } from './revocation.ts'
import { createSessionLimits, type SessionLimits } from './session-limits.ts'
import { createShadows, type Shadows } from './shadow.ts'
import { explainFailure, type TurnResources } from './turn.ts'

/** The state and the resources that all requests of the data plane share. */
export interface DataPlane extends AuthorizationContext, TurnResources {
  sessionLimits: SessionLimits
  revocation: Revocation
  shadows: Shadows
  /**
   * Resolves with the result of an authorization. Rejects with a {@link ProblemError}, which is counted; wrong keys
   * are delayed.
   */
  letIn<T>(request: IncomingMessage, admission: Promise<T>): Promise<T>
  /** The problem that the client reads for an error; an unexpected error is logged under an id. */
  explain(error: unknown): ProblemError
}

export function createDataPlane(
  admission: AuthorizationContext & { recognizers: Recognizers; decoders: Decoders; sharedCounts: SharedCounts },
  { sessions, profaneWords }: Config,
): DataPlane {
  const figures = createCounters()

  const explain = (error: unknown): ProblemError => {
    const known = explainFailure(error)
    if (explainUnavailable(error)) logUnavailable(admission.log, error, presentRequestId())
    if (known) return known
    const id = presentRequestId()
    admission.log.error({ id, error }, 'speech was not recognized')
    return new ProblemError(503, 'RECOGNITION_FAILED', `The recognition failed. Try again. The log has the cause under ${id}.`)
  }

  return {
    ...admission,
    figures,
    filter: createProfanityFilter(profaneWords),
    sessionLimits: createSessionLimits(sessions, admission.sharedCounts),
    revocation: createRevocation(admission),
    shadows: createShadows(admission),
    explain,
    async letIn(request, admitting) {
      try {
        const admitted = await admitting
        welcome(request)
        return admitted
      } catch (error) {
        const problem = explain(error)
        countProblem(figures, problem.code)
        if (problem.status === 401 && problem.code !== 'KEY_MISSING') await refuseKey(request)
        throw problem
      }
    },
  }
}
