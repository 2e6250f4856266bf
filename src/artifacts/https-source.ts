import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { JobFailure } from '../lifecycle/job-failure.ts'
import { isPublicAddress, lookupPublic, refuseAddress } from './public-address.ts'

export interface HttpsOptions {
  /** True when addresses in private networks may be asked as well. */
  privateSources: boolean
  signal: AbortSignal
}

const maxRedirects = 5
/** Without a byte for this long, the server is taken to be gone. */
const idleMs = 20_000

/**
 * Opens what an `https:` address serves, following redirects to other `https:` addresses. Private
 * addresses are refused where it counts: by the name's addresses as the connection is made, and by the
 * address of the socket that was really opened, each time anew.
 */
export async function openHttps(address: string, options: HttpsOptions): Promise<IncomingMessage> {
  let url = new URL(address)
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    if (url.protocol !== 'https:') throw refusal('SOURCE_FORBIDDEN', `"${url.protocol}" is not https:.`)
    if (url.username || url.password) throw refusal('SOURCE_FORBIDDEN', 'An address must not carry a user name or a password.')
    const response = await ask(url, options)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) return response
    response.destroy()
    if (statusCode < 300 || statusCode >= 400 || !headers.location) throw answered(url, statusCode)
    if (!URL.canParse(headers.location, url)) throw refusal('SOURCE_FORBIDDEN', 'It redirects to something that is no address.')
    url = new URL(headers.location, url)
  }
  throw refusal('SOURCE_FORBIDDEN', `It redirects more than ${maxRedirects} times.`)
}

function ask(url: URL, { privateSources, signal }: HttpsOptions): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!privateSources && isIP(host) && !isPublicAddress(host)) throw refuseAddress(host)
  return new Promise((answer, fail) => {
    const asked = request(url, {
      signal,
      // A connection of its own, so that none is reused that was checked for somebody else.
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
    asked.on('timeout', () => asked.destroy(unreachable(url, `it sent nothing for ${idleMs / 1000} s`)))
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

/** Such a failure may pass: the network, or the server, may be back in a moment. */
const unreachable = (url: URL, reason: string, cause?: unknown) =>
  new JobFailure('SOURCE_UNREACHABLE', `${url.host} cannot be reached (${reason}). Check the address and the network.`, { isLasting: false, cause })

function answered(url: URL, status: number): JobFailure {
  const mayPass = status === 408 || status === 429 || status >= 500
  const message = `${url.host} answered ${status} for https://${url.host}${url.pathname}. ${mayPass ? 'It may work again later.' : 'Correct the address.'}`
  return new JobFailure(mayPass ? 'SOURCE_UNREACHABLE' : 'ARTIFACT_MISSING', message, { isLasting: !mayPass })
}
