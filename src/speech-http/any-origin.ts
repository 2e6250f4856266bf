import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Lets pages of any origin send audio, as Microsoft's service does: a page needs a key or token, and browsers do not add
 * these to a request. Credentials that browsers do add, such as cookies, are not allowed.
 */
export function allowAnyOrigin(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader(
    'access-control-expose-headers',
    'x-deployment-id, x-revision, x-acoustic-model-id, x-language-model-id, x-recognition-mode, warning, retry-after, x-request-id',
  )
}

export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  const names = request.headers['access-control-request-headers'] ?? ''
  response
    .writeHead(204, {
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': /^[\w!#$%&'*+\-.^`|~, ]{1,2000}$/.test(names) ? names : 'authorization, content-type, ocp-apim-subscription-key',
      'access-control-max-age': '86400',
      vary: 'access-control-request-headers',
    })
    .end()
}
