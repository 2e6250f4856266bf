// Files on their way to the server, with XMLHttpRequest, because fetch does not tell how much has gone.
import { ownHeaders } from './browser-session.ts'

interface UploadRequest {
  method: 'POST' | 'PUT'
  url: string
  body: Blob
  signal: AbortSignal
  /** How many bytes have gone; all of them while the answer is awaited. */
  sent: (bytes: number) => void
}

interface UploadAnswer {
  status: number
  /** Parsed JSON; an empty object when it is none. */
  body: object
}

/** Rejects with a message for people when no answer comes, and with the signal's reason when that aborts. */
export function send({ method, url, body, signal, sent }: UploadRequest): Promise<UploadAnswer> {
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
