import type { IncomingMessage } from 'node:http'
import type { Decoders } from '../audio/decoders.ts'
import type { Config } from '../config.ts'
import { refuseKey, welcome } from '../http/strangers.ts'
import { explainUnavailable, logUnavailable } from '../postgres/unavailable.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import type { AuthorizationContext } from './authorization.ts'
import { countProblem, createCounters } from './counters.ts'
import { SpeechProblem } from './problem.ts'
import { createProfanityFilter } from './profanity.ts'
import { createRevocation, type Revocation } from './revocation.ts'
import { createSessionLimits, type SessionLimits } from './session-limits.ts'
import { explainFailure, type Hearing } from './turn.ts'

/** What all requests of the data plane share. */
export interface DataPlane extends AuthorizationContext, Hearing {
  places: SessionLimits
  guard: Revocation
  /** Passes on what admission answers, or throws the reason why not, which is always a {@link SpeechProblem}. */
  letIn<T>(request: IncomingMessage, admission: Promise<T>): Promise<T>
  /** The words for whatever went wrong; what nobody expects is logged under an id. */
  explain(error: unknown): SpeechProblem
}

export function createDataPlane(
  admission: AuthorizationContext & { recognizers: Recognizers; decoders: Decoders },
  { sessions, profaneWords }: Config,
): DataPlane {
  const figures = createCounters()

  const explain = (error: unknown): SpeechProblem => {
    const known = explainFailure(error)
    if (explainUnavailable(error)) logUnavailable(admission.log, error)
    if (known) return known
    const id = crypto.randomUUID()
    admission.log.error({ id, error: error instanceof Error ? error.stack : String(error) }, 'speech was not recognized')
    return new SpeechProblem(503, 'RECOGNITION_FAILED', `Something went wrong. Try again; if it keeps happening, look for ${id} in the server's log.`)
  }

  return {
    ...admission,
    figures,
    filter: createProfanityFilter(profaneWords),
    places: createSessionLimits(sessions),
    guard: createRevocation(admission),
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
