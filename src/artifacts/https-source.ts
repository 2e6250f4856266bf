import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { JobFailure } from '../lifecycle/job-failure.ts'
import { isPublicAddress, lookupPublic, refuseAddress } from './public-address.ts'

export interface HttpsOptions {
  /** True when addresses in private networks are allowed. */
  privateSources: boolean
  signal: AbortSignal
}

const maxRedirects = 5
/** The timeout without a received byte. */
const idleMs = 20_000

/**
 * Opens an `https:` URL and follows redirects to other `https:` URLs. Private addresses are refused for each request: by
 * the addresses of the name when the connection is made, and by the remote address of the open socket.
 */
export async function openHttps(address: string, options: HttpsOptions): Promise<IncomingMessage> {
  let url = new URL(address)
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    if (url.protocol !== 'https:') throw refusal('SOURCE_FORBIDDEN', `Its protocol is "${url.protocol}". Use an https: URL.`)
    if (url.username || url.password) throw refusal('SOURCE_FORBIDDEN', 'Its URL contains a user name or a password. Remove them.')
    const response = await ask(url, options)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) return response
    response.destroy()
    if (statusCode < 300 || statusCode >= 400 || !headers.location) throw answered(url, statusCode)
    if (!URL.canParse(headers.location, url)) throw refusal('SOURCE_FORBIDDEN', 'It redirects to an invalid URL. Use the final URL.')
    url = new URL(headers.location, url)
  }
  throw refusal('SOURCE_FORBIDDEN', `It redirects more than ${maxRedirects} times. Use the final URL.`)
}

function ask(url: URL, { privateSources, signal }: HttpsOptions): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!privateSources && isIP(host) && !isPublicAddress(host)) throw refuseAddress(host)
  return new Promise((answer, fail) => {
    const asked = request(url, {
      signal,
      // A new connection, since a reused one would not be checked again.
      agent: false,
      timeout: idleMs,
      headers: { accept: 'application/octet-stream, */*', 'accept-encoding': 'identity', 'user-agent': 'custom-speech' },
      ...(privateSources ? {} : { lookup: lookupPublic }),
    })
    asked.on('socket', (socket) => {
      socket.once('secureConnect', () => {
        const { remoteAddress } = socket as TLSSocket
        if (!privateSources && !isPublicAddress(remoteAddress ?? '')) asked.destroy(refuseAddress(host))
      })
    })
    asked.on('timeout', () => asked.destroy(unreachable(url, `no data for ${idleMs / 1000} s`)))
    asked.on('error', (error) => fail(error instanceof JobFailure || signal.aborted ? error : unreachable(url, codeOf(error), error)))
    asked.on('response', (response) => {
      response.on('error', () => {})
      answer(response)
    })
    asked.end()
  })
}

const codeOf = (error: Error) => (error as NodeJS.ErrnoException).code ?? error.message

const refusal = (code: string, message: string) => new JobFailure(code, `The source cannot be used. ${message}`, { isLasting: true })

/** A temporary failure of the network or the server. */
const unreachable = (url: URL, reason: string, cause?: unknown) =>
  new JobFailure('SOURCE_UNREACHABLE', `${url.host} cannot be reached (${reason}). Check the address and the network.`, { isLasting: false, cause })

function answered(url: URL, status: number): JobFailure {
  const isTemporary = status === 408 || status === 429 || status >= 500
  const message = `${url.host} responded with ${status} for https://${url.host}${url.pathname}. ${isTemporary ? 'Try again later.' : 'Correct the URL.'}`
  return new JobFailure(isTemporary ? 'SOURCE_UNREACHABLE' : 'ARTIFACT_MISSING', message, { isLasting: !isTemporary })
}
