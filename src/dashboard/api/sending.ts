// Uploads files with XMLHttpRequest, because fetch does not report progress.
import { ownHeaders } from './browser-session.ts'

interface UploadRequest {
  method: 'POST' | 'PUT'
  url: string
  body: Blob
  signal: AbortSignal
  /** Called with the number of bytes sent so far. */
  sent: (bytes: number) => void
}

interface UploadAnswer {
  status: number
  /** Parsed JSON; an empty object when the body is not a JSON object. */
  body: object
}

/** Rejects with a message for the user when the connection breaks, and with the signal's reason when the signal aborts. */
export function sendUpload({ method, url, body, signal, sent }: UploadRequest): Promise<UploadAnswer> {
  return new Promise((done, failed) => {
    signal.throwIfAborted()
    const request = new XMLHttpRequest()
    request.open(method, url)
    for (const [name, value] of Object.entries(ownHeaders)) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded }) => sent(loaded)
    request.upload.onload = () => sent(body.size)
    request.onload = () => done({ status: request.status, body: parse(request.responseText) })
    request.onerror = () => failed(new Error('The connection broke before the server answered. Upload the file again.'))
    request.onabort = () => failed(signal.reason)
    signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(body)
  })
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value ? value : {}
  } catch {
    return {}
  }
}
