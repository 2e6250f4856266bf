import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Any page may send audio, as with the original: a page has to hold a key or token to be answered, and no
 * browser adds one by itself. Credentials, which browsers do add by themselves, are neither asked nor allowed.
 */
export function allowAnyOrigin(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-expose-headers', 'x-deployment-id, x-acoustic-model-id, x-language-model-id, x-recognition-mode, warning, retry-after')
}

export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  const asked = request.headers['access-control-request-headers'] ?? ''
  response
    .writeHead(204, {
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': /^[\w!#$%&'*+\-.^`|~, ]{1,2000}$/.test(asked) ? asked : 'authorization, content-type, ocp-apim-subscription-key',
      'access-control-max-age': '86400',
      vary: 'access-control-request-headers',
    })
    .end()
}
