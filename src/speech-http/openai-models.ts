import { listServing } from '../domain/endpoint.ts'
import { ProblemError } from '../http/problem.ts'
import type { DeploymentRow } from '../postgres/deployment-tables.ts'
import { type AuthorizedCaller, authorize, findClientId, findSecret, identify, type SpeechCaller } from '../speech/authorization.ts'
import type { DataPlane } from '../speech/data-plane.ts'
import { FieldProblem } from './openai-error.ts'
import { type Exchange, sendJson } from './short-audio-route.ts'

// In OpenAI's API a model is the endpoint id of a Complete deployment.
// https://platform.openai.com/docs/api-reference/models

const maxNamed = 10

/** Lists what the caller can send as `model`. */
export async function listModels(speech: DataPlane, { request, response, query }: Exchange): Promise<void> {
  const caller = await speech.letIn(request, identify(speech, findSecret(request, query)))
  sendJson(response, { object: 'list', data: (await listServing(speech, caller.workspaceId)).map(toModel) })
}

/** Describes one model. Throws a {@link ProblemError} for an unknown id. */
export async function getModel(speech: DataPlane, { request, response, query }: Exchange, [, id = '']: RegExpExecArray): Promise<void> {
  const caller = await speech.letIn(request, identify(speech, findSecret(request, query)))
  const serving = await listServing(speech, caller.workspaceId)
  const found = serving.find((deployment) => deployment.id === id.toLowerCase())
  if (!found) throw unknownModel(decode(id), serving)
  sendJson(response, toModel(found))
}

/** Authorizes the caller for the deployment that it names as `model`. The refusal lists the deployments that it can use. */
export async function admitToModel(
  speech: DataPlane,
  caller: SpeechCaller,
  { request, query }: Pick<Exchange, 'request' | 'query'>,
  model: string | undefined,
): Promise<AuthorizedCaller> {
  try {
    return await authorize(speech, findSecret(request, query), model ?? '', findClientId(request, query))
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    if (error.code === 'ENDPOINT_NOT_FOUND') throw unknownModel(model, await listServing(speech, caller.workspaceId))
    if (error.code.startsWith('DEPLOYMENT_')) throw new FieldProblem('model', error.status, error.code, error.message)
    throw error
  }
}

function unknownModel(model: string | undefined, serving: readonly DeploymentRow[]): FieldProblem {
  const problem = model ? `The model "${shorten(model)}" does not exist, or this key has no access to it.` : 'The request has no field "model".'
  const named = serving.slice(0, maxNamed).map(({ id, name, locale }) => `${id} (${name}, ${locale})`)
  const more = serving.length > maxNamed ? `, and ${serving.length - maxNamed} more` : ''
  const advice = named.length
    ? `Send the id of a Complete deployment: ${named.join(', ')}${more}. GET /v1/models lists all of them.`
    : 'The workspace has no Complete deployment yet. Create one and send its endpoint id. GET /v1/models lists the ids.'
  return new FieldProblem('model', 404, 'model_not_found', `${problem} ${advice}`)
}

const toModel = ({ id, name, locale, completedAt, createdAt }: DeploymentRow) => ({
  id,
  object: 'model',
  created: Math.floor((completedAt ?? createdAt).getTime() / 1000),
  owned_by: 'custom-speech',
  name,
  locale,
})

const shorten = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

function decode(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    return id
  }
}
