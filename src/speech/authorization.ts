import type { IncomingMessage } from 'node:http'
import type { Tokens } from '../access/speech-token.ts'
import type { Artifacts } from '../artifacts/store.ts'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import { hasScope, type Service, type Viewer } from '../domain/context.ts'
import { findServedDeployment, isServing, type ServedDeployment, wasDeleted } from '../domain/endpoint.ts'
import { ProblemError } from '../http/problem.ts'
import { noteKey } from '../http/request-record.ts'
import { openRecognizerModel } from '../recognition/model-files.ts'
import { findParameter } from './options.ts'

export interface AuthorizationContext extends Service {
  tokens: Tokens
  artifacts: Artifacts
}

/** An authenticated client of the data plane. */
export interface SpeechCaller {
  workspaceId: string
  /** The key, or the key that the token was issued for; undefined for provisioning. */
  viewer: Viewer | undefined
  /** The only deployment that a provisioning token gives access to. */
  deploymentId: string | undefined
  /** The only revision that a provisioning token gives access to; undefined for the first one. */
  revision?: number | undefined
}

/** True for the calls with which provisioning verifies an endpoint. */
export const isProvisioning = ({ viewer }: SpeechCaller): boolean => viewer === undefined

/** A caller with the deployment that recognizes its audio. */
export interface AuthorizedCaller {
  caller: SpeechCaller
  served: ServedDeployment
  model: RecognizerModel
}

/** True for a validly signed provisioning token. The check does not query the database. */
export function isProvisioningToken({ tokens }: Pick<AuthorizationContext, 'tokens'>, secret: string | undefined): boolean {
  const token = secret ? tokens.read(secret) : undefined
  return Boolean(token && !token.keyId)
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Authenticates the caller and checks its access to the deployment. Throws a {@link ProblemError}; each reason has its own code. */
export async function authorize(admission: AuthorizationContext, secret: string | undefined, endpointId: string, clientId: string): Promise<AuthorizedCaller> {
  const caller = await identify(admission, secret)
  const isId = uuid.test(endpointId)
  const client = { id: `${caller.viewer?.sessionId ?? caller.viewer?.keyId} ${clientId}`, revision: caller.revision }
  const served = isId ? await findServedDeployment(admission, caller.workspaceId, endpointId, client) : undefined
  if (!served && isId && (await wasDeleted(admission, caller.workspaceId, endpointId))) throw deleted()
  if (!served || (caller.deploymentId && caller.deploymentId !== served.deployment.id))
    throw new ProblemError(404, 'ENDPOINT_NOT_FOUND', 'No endpoint has this id (cid). Copy the URL from the deployment.')
  const problem = explainStatus(served, caller)
  if (problem) throw problem
  return { caller, served, model: await openRecognizerModel(admission.artifacts, served, admission.log) }
}

/** The reason why the deployment's status does not serve this caller; undefined if it does. */
export function explainStatus({ deployment }: ServedDeployment, { deploymentId }: SpeechCaller): ProblemError | undefined {
  const { status, failure, progress } = deployment
  // Provisioning verifies its deployment before the deployment is Complete.
  if (isServing(status) || (deploymentId && status === 'PROVISIONING')) return undefined
  if (status === 'FAILED') return new ProblemError(409, 'DEPLOYMENT_FAILED', `The deployment failed: ${failure?.message ?? 'No reason was recorded.'}`)
  if (status === 'CANCELED')
    return new ProblemError(409, 'DEPLOYMENT_CANCELED', 'Provisioning was canceled. Retry the deployment, or use the endpoint of another one.')
  if (status === 'SUSPENDED')
    return new ProblemError(409, 'DEPLOYMENT_SUSPENDED', 'The deployment is suspended. Resume it in the dashboard or with resumeDeployment.')
  if (status === 'DELETING') return deleted()
  return new ProblemError(
    409,
    'DEPLOYMENT_NOT_COMPLETE',
    `The deployment is ${status} (${Math.round(progress * 100)} %). Its endpoint answers when it is COMPLETE.`,
  )
}

export const deleted = () =>
  new ProblemError(410, 'DEPLOYMENT_DELETED', 'The deployment has been deleted. Restore it within a week, or use the endpoint of another one.')

/** Authenticates a key or token. */
export async function identify(admission: AuthorizationContext, secret: string | undefined): Promise<SpeechCaller> {
  if (!secret) throw unauthorized('KEY_MISSING', 'Send a key in the header Ocp-Apim-Subscription-Key, or a key or token as Authorization: Bearer.')
  const token = admission.tokens.read(secret)
  if (token && !token.keyId) return { workspaceId: token.workspaceId, viewer: undefined, deploymentId: token.deploymentId, revision: token.revision }
  if (token?.keyId) {
    const { keyId, sessionId, workspaceId, keyExpiresAt } = token
    if (!(await admission.keyring.isLive({ keyId, sessionId })))
      throw unauthorized('KEY_REVOKED', 'The key of this token was revoked or has expired. Issue a token for another key.')
    noteKey(keyId)
    const viewer: Viewer = { keyId, sessionId, workspaceId, scopes: ['RECOGNIZE'], isBootstrap: false, expiresAt: keyExpiresAt ? new Date(keyExpiresAt) : null }
    return { workspaceId: token.workspaceId, viewer, deploymentId: undefined }
  }
  const viewer = await admission.keyring.authenticate(secret)
  if (!viewer) throw unauthorized('KEY_INVALID', 'This key or token is unknown, expired or revoked. Use another one.')
  noteKey(viewer.keyId)
  if (!hasScope(viewer, 'RECOGNIZE')) throw new ProblemError(403, 'SCOPE_MISSING', 'This key lacks the scope RECOGNIZE. Use a key that has it.')
  return { workspaceId: viewer.workspaceId, viewer, deploymentId: undefined }
}

const unauthorized = (code: string, message: string) => new ProblemError(401, code, message, { headers: { 'www-authenticate': 'Bearer' } })

/**
 * The name of a client, which decides its side of a canary: the header or parameter X-Client-Id, or the address. Clients
 * choose the header, and a wrong one has no other effect.
 */
export function findClientId({ headers, socket }: IncomingMessage, query: URLSearchParams): string {
  const first = (value: string | string[] | undefined) =>
    String(value ?? '')
      .split(',', 1)[0]
      ?.trim()
      .slice(0, 200)
  return first(headers['x-client-id']) || findParameter(query, 'x-client-id')?.slice(0, 200) || first(headers['x-forwarded-for']) || socket.remoteAddress || ''
}

/** The key or token of a request. The Speech SDK sends it in the query where it cannot set headers. */
export function findSecret(request: IncomingMessage, query: URLSearchParams): string | undefined {
  const key = request.headers['ocp-apim-subscription-key'] ?? findParameter(query, 'ocp-apim-subscription-key')
  const bearer = request.headers.authorization ?? findParameter(query, 'authorization')
  return (typeof key === 'string' && key) || bearer?.replace(/^Bearer\s+/i, '') || undefined
}
