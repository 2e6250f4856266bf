// Requests with a large body that the server refuses before it has read the body.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import type { Service } from './service.ts'

interface Target {
  api: Service
  endpoint: string
}

export interface RefusedRequest {
  method?: string
  url: string
  headers?: Record<string, string>
  body: Buffer<ArrayBuffer>
  status: number
  message: RegExp
}

export const zeros = Buffer.alloc(5_000_000)

/** A WAV header without a length, and three minutes of silence. */
function longRecording(): Buffer<ArrayBuffer> {
  const header = Buffer.from('52494646ffffffff57415645666d74201000000001000100803e0000007d0000020010006461746100000000', 'hex')
  return Buffer.concat([header, Buffer.alloc(180 * 32_000)])
}

/** Requests to every route that are refused while the client is still sending, by description. */
export const refusedRequests = ({ api, endpoint }: Target): Record<string, () => RefusedRequest> => ({
  'a wrong key with 5 MB of zeros': () => ({
    url: endpoint,
    headers: { 'ocp-apim-subscription-key': 'cs_wrong' },
    body: zeros,
    status: 401,
    message: /KEY_INVALID/,
  }),
  'a recording that is too long': () => ({
    url: endpoint,
    headers: { 'ocp-apim-subscription-key': api.key },
    body: longRecording(),
    status: 413,
    message: /longer than 60 seconds/,
  }),
  'an unsupported path of the OpenAI route': () => ({
    url: `${api.localUrl}/v1/audio/translations`,
    headers: { authorization: `Bearer ${api.key}` },
    body: zeros,
    status: 404,
    message: /does not translate/,
  }),
  'a transcription without a key': () => ({ url: `${api.localUrl}/v1/audio/transcriptions`, body: zeros, status: 401, message: /Send a key/ }),
  'a body that is not a form': () => ({
    url: `${api.localUrl}/v1/audio/transcriptions`,
    headers: { authorization: `Bearer ${api.key}` },
    body: zeros,
    status: 400,
    message: /multipart\/form-data/,
  }),
  'a token for a wrong key': () => ({
    url: `${api.localUrl}/sts/v1.0/issueToken`,
    headers: { authorization: 'Bearer cs_wrong' },
    body: zeros,
    status: 401,
    message: /KEY_INVALID/,
  }),
  'an upload that is too large': () => ({
    method: 'PUT',
    url: `${api.localUrl}/uploads?kind=text`,
    headers: { authorization: `Bearer ${api.key}` },
    body: zeros,
    status: 413,
    message: /UPLOAD_TOO_LARGE/,
  }),
  'an upload with a wrong method': () => ({ url: `${api.localUrl}/uploads`, body: zeros, status: 405, message: /Send the file with PUT/ }),
  'a wrong content type at /graphql': () => ({
    url: `${api.localUrl}/graphql`,
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'text/plain' },
    body: zeros.subarray(0, 3_000_000),
    status: 415,
    message: /UNSUPPORTED_MEDIA_TYPE/,
  }),
  'a request to /graphql that is too large': () => ({
    url: `${api.localUrl}/graphql`,
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
    body: zeros.subarray(0, 3_000_000),
    status: 413,
    message: /REQUEST_TOO_LARGE/,
  }),
  'GraphQL without a key': () => ({
    url: `${api.localUrl}/graphql`,
    headers: { 'content-type': 'application/json' },
    body: zeros.subarray(0, 3_000_000),
    status: 401,
    message: /UNAUTHENTICATED/,
  }),
  'a sign-in from another origin': () => ({ url: `${api.localUrl}/session`, body: zeros, status: 403, message: /Only the dashboard/ }),
  'a sign-in with a key that is too long': () => ({
    url: `${api.localUrl}/session`,
    headers: { 'x-requested-with': 'test' },
    body: zeros,
    status: 401,
    message: /This key is unknown/,
  }),
  'a POST to a page': () => ({ url: `${api.localUrl}/models`, body: zeros, status: 405, message: /Use GET/ }),
  'a path that does not exist': () => ({ url: `${api.localUrl}/nowhere`, body: zeros, status: 404, message: /The API is at/ }),
})

/** After many wrong keys each response takes a second, so these requests are sent less often. */
export const triesOf = ({ status }: RefusedRequest) => (status === 401 ? 3 : 8)

// Sends a request several times with a client of Python's standard library, and prints each outcome.
const python = `
import http.client, json, sys, urllib.error, urllib.parse, urllib.request
ask = json.loads(sys.stdin.readline())
body = sys.stdin.buffer.read()
at = urllib.parse.urlsplit(ask["url"])
for n in range(ask["tries"]):
    try:
        if ask["client"] == "urllib":
            request = urllib.request.Request(ask["url"], data=body, method=ask["method"], headers=ask["headers"])
            try:
                urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                print(json.dumps([error.code, error.read().decode()]))
        else:
            connection = http.client.HTTPConnection(at.hostname, at.port)
            connection.request(ask["method"], at.path + ("?" + at.query if at.query else ""), body=iter([body[i:i + 65536] for i in range(0, len(body), 65536)]) if ask["client"] == "chunked" else body, headers=ask["headers"], encode_chunked=ask["client"] == "chunked")
            answer = connection.getresponse()
            print(json.dumps([answer.status, answer.read().decode()]))
    except Exception as error:
        print(json.dumps([0, repr(error)]))
`

/** The status and the body of a response; the status 0 and the error without a response. */
export type Outcome = [status: number, body: string]

export async function sendWithPython(client: 'urllib' | 'http.client' | 'chunked', request: RefusedRequest): Promise<Outcome[]> {
  const { method = 'POST', url, headers = {}, body } = request
  const child = spawn('python3', ['-c', python.replace('json.loads(sys.stdin.readline())', 'json.loads(sys.stdin.buffer.readline())')])
  child.stdin.on('error', () => {})
  const sent = client === 'chunked' ? { ...headers, 'Transfer-Encoding': 'chunked' } : headers
  child.stdin.write(`${JSON.stringify({ client, method, url, headers: sent, tries: triesOf(request) })}\n`)
  child.stdin.end(body)
  const [out, problems] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (problems) throw new Error(problems)
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
