import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type { Service } from '../domain/context.ts'
import { explainUnavailable, logUnavailable, type Unavailable } from '../postgres/unavailable.ts'

// By name, because an application may hold several copies of graphql, each with a class of its own.
const isGraphQLError = (error: unknown): error is GraphQLError => (error as Error | undefined)?.name === 'GraphQLError'

/** True for what was not meant to be shown. */
export function isUnexpected(error: unknown): boolean {
  const original = isGraphQLError(error) ? error.originalError : error
  return !isGraphQLError(error) || Boolean(original && !isGraphQLError(original))
}

/** Shows what was meant to be shown, and what may work in a moment; of anything else only an id, under which the log has the rest. */
export function maskError({ log }: Service, error: unknown, message: string): Error {
  if (!isUnexpected(error)) return error as GraphQLError
  const original = isGraphQLError(error) ? error.originalError : error
  const id = crypto.randomUUID()
  const where = isGraphQLError(error) ? { nodes: error.nodes ?? [], path: error.path ?? [] } : {}
  const unavailable = explainUnavailable(original)
  if (unavailable) {
    logUnavailable(log, original, id)
    return new GraphQLError(unavailable.message, { ...where, extensions: toExtensions(unavailable, id) })
  }
  log.error({ id, error: original instanceof Error ? original.stack : String(original) }, 'unexpected error')
  return new GraphQLError(`${message} Look for ${id} in its log.`, { ...where, extensions: { code: 'INTERNAL_SERVER_ERROR', id } })
}

/** Over HTTP the whole answer is a 503, which proxies and clients try again. */
const toExtensions = ({ code, retryAfterSeconds }: Unavailable, id: string) => ({
  code,
  retryAfterSeconds,
  id,
  http: { status: 503, headers: { 'retry-after': String(retryAfterSeconds) } },
})

/** As a client may see it: what is meant for HTTP is no part of it. */
export function toShownError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...shown } = error.toJSON()
  const { http: _http, unexpected: _unexpected, ...rest } = extensions ?? {}
  return Object.keys(rest).length ? { ...shown, extensions: rest } : shown
}
