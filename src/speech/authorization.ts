import type { IncomingMessage } from 'node:http'
import type { Tokens } from '../access/speech-token.ts'
import type { Artifacts } from '../artifacts/store.ts'
import type { RecognizerModel } from '../decoding/types.ts'
import { hasScope, type Service, type Viewer } from '../domain/context.ts'
import { findServedDeployment, isServing, type ServedDeployment, wasDeleted } from '../domain/endpoint.ts'
import { openRecognizerModel } from '../recognition/model-files.ts'
import { findParameter } from './options.ts'
import { SpeechProblem } from './problem.ts'

export interface AuthorizationContext extends Service {
  tokens: Tokens
  artifacts: Artifacts
}

/** Who sends audio. */
export interface Caller {
  workspaceId: string
  /** The key that let them in, itself or by a token; provisioning has none. */
  viewer: Viewer | undefined
  /** The one deployment that a token of provisioning opens. */
  deploymentId: string | undefined
}

/** Whether the caller is this product itself, which tries an endpoint. */
export const isProvisioning = ({ viewer }: Caller): boolean => viewer === undefined

/** Who sends audio, and what it is recognized with. */
export interface AuthorizedCaller {
  caller: Caller
  served: ServedDeployment
  model: RecognizerModel
}

/** Whether a secret claims, with a true signature, to be provisioning's own; read without a look at the database. */
export function isProvisioningToken({ tokens }: Pick<AuthorizationContext, 'tokens'>, secret: string | undefined): boolean {
  const token = secret ? tokens.read(secret) : undefined
  return Boolean(token && !token.keyId)
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Lets the caller in to the deployment, or says in words why not; every reason has its own code. */
export async function authorize(admission: AuthorizationContext, secret: string | undefined, endpointId: string): Promise<AuthorizedCaller> {
  const caller = await identify(admission, secret)
  const isId = uuid.test(endpointId)
  const served = isId ? await findServedDeployment(admission, caller.workspaceId, endpointId) : undefined
  if (!served && isId && (await wasDeleted(admission, caller.workspaceId, endpointId))) throw deleted()
  if (!served || (caller.deploymentId && caller.deploymentId !== served.deployment.id))
    throw new SpeechProblem(404, 'ENDPOINT_NOT_FOUND', 'There is no endpoint with this id (cid). Copy the URL from the deployment.')
  const problem = explainStatus(served, caller)
  if (problem) throw problem
  return { caller, served, model: await openRecognizerModel(admission.artifacts, served) }
}

/** Why the deployment does not answer this caller in its present status; undefined when it does. */
export function explainStatus({ deployment }: ServedDeployment, { deploymentId }: Caller): SpeechProblem | undefined {
  const { status, failure, progress } = deployment
  // A token of provisioning opens the one deployment that it proves, and that one before it is Complete.
  if (isServing(status) || (deploymentId && status === 'PROVISIONING')) return undefined
  if (status === 'FAILED') return new SpeechProblem(409, 'DEPLOYMENT_FAILED', `The deployment failed: ${failure?.message ?? 'for no recorded reason'}`)
  if (status === 'CANCELED')
    return new SpeechProblem(409, 'DEPLOYMENT_CANCELED', 'The provisioning of the deployment was canceled. Retry it, or use the endpoint of another one.')
  if (status === 'DELETING') return deleted()
  return new SpeechProblem(
    409,
    'DEPLOYMENT_NOT_COMPLETE',
    `The deployment is ${status} (${Math.round(progress * 100)} %). Its endpoint answers when it is COMPLETE.`,
  )
}

export const deleted = () => new SpeechProblem(410, 'DEPLOYMENT_DELETED', 'The deployment has been deleted. Use the endpoint of another one.')

/** The caller that a key or token stands for. */
export async function identify(admission: AuthorizationContext, secret: string | undefined): Promise<Caller> {
  if (!secret) throw unauthorized('KEY_MISSING', 'Send a key in the header Ocp-Apim-Subscription-Key, or a key or token as Authorization: Bearer.')
  const token = admission.tokens.read(secret)
  if (token && !token.keyId) return { workspaceId: token.workspaceId, viewer: undefined, deploymentId: token.deploymentId }
  if (token?.keyId) {
    const { keyId, sessionId, workspaceId, keyExpiresAt } = token
    if (!(await admission.keyring.isLive({ keyId, sessionId }))) throw unauthorized('KEY_REVOKED', 'The key of this token has been revoked or has expired.')
    const viewer: Viewer = { keyId, sessionId, workspaceId, scopes: ['RECOGNIZE'], isBootstrap: false, expiresAt: keyExpiresAt ? new Date(keyExpiresAt) : null }
    return { workspaceId: token.workspaceId, viewer, deploymentId: undefined }
  }
  const viewer = await admission.keyring.authenticate(secret)
  if (!viewer) throw unauthorized('KEY_INVALID', 'This key or token is unknown, expired or revoked.')
  if (!hasScope(viewer, 'RECOGNIZE')) throw new SpeechProblem(403, 'SCOPE_MISSING', 'This key may not recognize speech: it lacks the scope RECOGNIZE.')
  return { workspaceId: viewer.workspaceId, viewer, deploymentId: undefined }
}

const unauthorized = (code: string, message: string) => new SpeechProblem(401, code, message, { 'www-authenticate': 'Bearer' })

/** The Speech SDK sends keys and tokens in headers where it can set them, and in the query where it cannot. */
export function findSecret(request: IncomingMessage, query: URLSearchParams): string | undefined {
  const key = request.headers['ocp-apim-subscription-key'] ?? findParameter(query, 'ocp-apim-subscription-key')
  const bearer = request.headers.authorization ?? findParameter(query, 'authorization')
  return (typeof key === 'string' && key) || bearer?.replace(/^Bearer\s+/i, '') || undefined
}
