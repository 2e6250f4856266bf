import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type { Service } from '../domain/context.ts'
import { explainUnavailable, logUnavailable, type Unavailable } from '../postgres/unavailable.ts'

// By name, because an application may hold several copies of graphql, each with a class of its own.
const isGraphQLError = (error: unknown): error is GraphQLError => (error as Error | undefined)?.name === 'GraphQLError'

/** In characters. */
const maxMessage = 1_000

/** True for what was not meant to be shown. */
export function isUnexpected(error: unknown): boolean {
  const original = isGraphQLError(error) ? error.originalError : error
  return !isGraphQLError(error) || Boolean(original && !isGraphQLError(original))
}

/** What graphql-js refuses by itself, such as variables of another type, gets a code like everything else. */
function withCode(error: GraphQLError): GraphQLError {
  const { code } = error.extensions
  // graphql-ws gives the same two problems no code, and graphql-yoga does.
  if (code === 'OPERATION_RESOLUTION_FAILURE' || (code === undefined && error.message === 'Unable to identify operation'))
    return reworded(error, 'operationName must name one of the operations of the document; it can be left out where there is only one.', {
      ...error.extensions,
      code: 'OPERATION_RESOLUTION_FAILURE',
    })
  // Over HTTP graphql-yoga takes what is refused while it parses for a syntax error, which it answers with 200.
  if (code === 'OPERATION_TOO_LARGE') return reworded(error, error.message, { ...error.extensions, http: { status: 400, spec: false } })
  if (code !== undefined) return error
  if (error.message.startsWith('Syntax Error')) return reworded(error, error.message, { ...error.extensions, code: 'GRAPHQL_PARSE_FAILED' })
  // Without a path nothing has been executed: the request is at fault. The status counts where the client asks for it by its Accept.
  const http = error.path ? {} : { http: { status: 400, spec: true } }
  return reworded(error, error.message, { code: 'BAD_USER_INPUT', ...http, ...error.extensions })
}

/** Without a guess at what was meant, which would tell names of the schema. */
export const withoutSuggestion = (error: GraphQLError): GraphQLError => reworded(error, error.message.replace(/ Did you mean .*$/s, ''))

/** Many messages quote the input, which may be long: what is wrong stands before it and behind it. */
export function withShortMessage(error: GraphQLError): GraphQLError {
  const { message } = error
  return message.length > maxMessage ? reworded(error, `${message.slice(0, maxMessage / 2)} … ${message.slice(-maxMessage / 2)}`.toWellFormed()) : error
}

function reworded({ nodes, source, positions, path, originalError, extensions }: GraphQLError, message: string, more: object = extensions): GraphQLError {
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    originalError: originalError ?? null,
    extensions: { ...more },
  })
}

/** Shows what was meant to be shown, and what may work in a moment; of anything else only an id, under which the log has the rest. */
export function maskError({ log }: Service, error: unknown, message: string): Error {
  if (!isUnexpected(error)) return withCode(withShortMessage(error as GraphQLError))
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
  retryAfter: retryAfterSeconds,
  id,
  http: { status: 503, headers: { 'retry-after': String(retryAfterSeconds) } },
})

/** As a client may see it: what is meant for HTTP is no part of it. */
export function toShownError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...shown } = error.toJSON()
  const { http: _http, unexpected: _unexpected, ...rest } = extensions ?? {}
  return Object.keys(rest).length ? { ...shown, extensions: rest } : shown
}
