import { ProblemError } from '../http/problem.ts'
import { findSecret, identify } from '../speech/authorization.ts'
import type { DataPlane } from '../speech/data-plane.ts'
import type { Exchange } from './short-audio-route.ts'

const tokenMs = 10 * 60_000

/** Issues a token for a key, for use in web pages. It expires after ten minutes, or with the key if that is sooner. */
export async function issueToken(speech: DataPlane, { request, response, query }: Exchange): Promise<void> {
  request.resume()
  const secret = findSecret(request, query)
  const { viewer } = await speech.letIn(request, identify(speech, secret))
  if (!viewer || speech.tokens.read(secret ?? ''))
    throw new ProblemError(401, 'KEY_MISSING', 'Tokens are issued for keys, not for tokens. Send a key in the header Ocp-Apim-Subscription-Key.')
  const { keyId, sessionId, workspaceId, expiresAt } = viewer
  const keyExpiresAt = expiresAt?.getTime()
  const token = speech.tokens.issue({
    workspaceId,
    keyId,
    sessionId,
    keyExpiresAt,
    expiresAt: Math.min(speech.store.now() + tokenMs, keyExpiresAt ?? Number.POSITIVE_INFINITY),
  })
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(token), 'cache-control': 'no-store' }).end(token)
}
