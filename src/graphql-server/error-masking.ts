import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type { Service } from '../domain/context.ts'
import { presentRequestId } from '../http/request-record.ts'
import { logUnavailable } from '../postgres/log-unavailable.ts'
import { explainUnavailable, type Unavailable } from '../postgres/unavailable.ts'

// Compares names, because a process can load several copies of graphql, each with a separate class.
const isGraphQLError = (error: unknown): error is GraphQLError => (error as Error | undefined)?.name === 'GraphQLError'

/** In characters. */
const maxMessageLength = 1_000

/** True for an error whose message clients must not see. */
export function isUnexpected(error: unknown): boolean {
  const original = isGraphQLError(error) ? error.originalError : error
  return !isGraphQLError(error) || Boolean(original && !isGraphQLError(original))
}

/** Adds a code to the errors of graphql-js, such as variables of a wrong type. */
function withCode(error: GraphQLError): GraphQLError {
  const { code } = error.extensions
  // graphql-yoga gives this error a code; graphql-ws gives it none.
  if (code === 'OPERATION_RESOLUTION_FAILURE' || (code === undefined && error.message === 'Unable to identify operation'))
    return reworded(error, 'operationName must be the name of an operation in the document. Only a document with one operation needs no operationName.', {
      ...error.extensions,
      code: 'OPERATION_RESOLUTION_FAILURE',
    })
  // graphql-yoga treats an error during parsing as a syntax error, which it answers with 200.
  if (code === 'OPERATION_TOO_LARGE') return reworded(error, error.message, { ...error.extensions, http: { status: 400, spec: false } })
  if (code !== undefined) return error
  if (error.message.startsWith('Syntax Error')) return reworded(error, error.message, { ...error.extensions, code: 'GRAPHQL_PARSE_FAILED' })
  // An error without a path comes from the request, before execution. graphql-yoga sends this status to clients that accept application/graphql-response+json.
  const http = error.path ? {} : { http: { status: 400, spec: true } }
  return reworded(error, error.message, { code: 'BAD_USER_INPUT', ...http, ...error.extensions })
}

/** Removes the suggestion from a message, because suggestions reveal names of the schema. */
export const withoutSuggestion = (error: GraphQLError): GraphQLError => reworded(error, error.message.replace(/ Did you mean .*$/s, ''))

/** Shortens the middle of a message, where messages quote input of any length. */
export function withShortMessage(error: GraphQLError): GraphQLError {
  const { message } = error
  return message.length > maxMessageLength
    ? reworded(error, `${message.slice(0, maxMessageLength / 2)} … ${message.slice(-maxMessageLength / 2)}`.toWellFormed())
    : error
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

/**
 * Returns the error that a client sees: an expected error with its code, or `retryAfterSeconds` while Postgres is
 * unavailable. Any other error becomes `message` and an id, under which the log has the details.
 */
export function maskError({ log }: Service, error: unknown, message: string): Error {
  if (!isUnexpected(error)) return withCode(withShortMessage(error as GraphQLError))
  const original = isGraphQLError(error) ? error.originalError : error
  const id = presentRequestId()
  const where = isGraphQLError(error) ? { nodes: error.nodes ?? [], path: error.path ?? [] } : {}
  const unavailable = explainUnavailable(original)
  if (unavailable) {
    logUnavailable(log, original, id)
    return new GraphQLError(unavailable.message, { ...where, extensions: toExtensions(unavailable, id) })
  }
  log.error({ id, error: original }, 'unexpected error')
  return new GraphQLError(`${message} Look for ${id} in the server's log.`, { ...where, extensions: { code: 'INTERNAL_SERVER_ERROR', id } })
}

/** Over HTTP, the response has the status 503, which proxies and clients retry. */
const toExtensions = ({ code, retryAfterSeconds }: Unavailable, id: string) => ({
  code,
  retryAfter: retryAfterSeconds,
  id,
  http: { status: 503, headers: { 'retry-after': String(retryAfterSeconds) } },
})

/** The error in the form that clients see, without the extensions for HTTP. */
export function toShownError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...shown } = error.toJSON()
  const { http: _http, unexpected: _unexpected, ...rest } = extensions ?? {}
  return Object.keys(rest).length ? { ...shown, extensions: rest } : shown
}
