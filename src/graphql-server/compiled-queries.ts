import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  isNonNullType,
  OperationTypeNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit'
import type { GraphQLContext } from '../graphql/builder.ts'
import { checkOperation, countFields, type OperationLimits, type Variables } from '../graphql-limits/operation-limits.ts'
import type { Documents } from './documents.ts'
import type { Parameters } from './request-body.ts'

/** Compilation takes a fifth of a millisecond per field, and blocks the event loop. */
const maxCompiledFields = 100

export interface CompiledQueries {
  /** Answers a query whose document is accepted. False, with nothing written, when graphql-yoga must answer. */
  answer(request: IncomingMessage, response: ServerResponse, parameters: Parameters, contextValue: GraphQLContext): Promise<boolean>
}

/**
 * Answers queries whose document graphql-yoga has accepted before. Only the limits are checked again; then the compiled
 * query runs. graphql-yoga answers everything else (mutations, other media types, any error) and writes the error
 * messages. A query can run twice because of that, which is safe: queries change nothing.
 */
export function createCompiledQueries(schema: GraphQLSchema, documents: Documents, limits: OperationLimits): CompiledQueries {
  const queries = new WeakMap<DocumentNode, CompiledDocument>()
  const withinLimits = new WeakSet<DocumentNode>()
  const compiledOf = (document: DocumentNode) => {
    const known = queries.get(document) ?? { document, isSmall: countFields(schema, document) <= maxCompiledFields, compiled: new Map() }
    queries.set(document, known)
    return known
  }
  return {
    async answer(request, response, { query, variables, operationName, extensions }, contextValue) {
      if (!isPlain(request) || extensions) return false
      const document = query === undefined ? undefined : documents.find(query)
      if (!document || checkOperation(schema, document, variables, limits, withinLimits)) return false
      const known = compiledOf(document)
      const run = compile(schema, known, operationName)
      if (!run || !canCoerce(schema, known, variables, operationName)) return false
      const { data, errors } = await run(undefined, contextValue, variables ?? {})
      if (errors || !data) return false
      const text = JSON.stringify({ data })
      const bytes = Buffer.byteLength(text)
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes })
      // ASCII has the same bytes in Latin-1, for which Node reserves a third of the memory.
      response.end(text, bytes === text.length ? 'latin1' : 'utf8')
      return true
    },
  }
}

interface CompiledDocument {
  document: DocumentNode
  /** True when the document is small enough to compile. */
  isSmall: boolean
  /** Nullable variables in positions of a non-null type; undefined until they are collected. */
  strictVariables?: ReadonlySet<string>
  /** By operation name; null when graphql-jit cannot compile the operation. */
  compiled: Map<string | undefined, CompiledQuery['query'] | null>
}

function compile(schema: GraphQLSchema, { document, isSmall, compiled }: CompiledDocument, operationName: string | undefined): CompiledQuery['query'] | null {
  const known = compiled.get(operationName)
  if (known !== undefined) return known
  // Unknown operation names are not stored, because clients can send any number of them.
  if (!isSmall || getOperationAST(document, operationName)?.operation !== OperationTypeNode.QUERY) return null
  const made = compileQuery(schema, document, operationName)
  const run = isCompiledQuery(made) ? made.query : null
  compiled.set(operationName, run)
  return run
}

/**
 * True when graphql-js accepts the variables. The compiled query reads variables with different code that accepts more: a
 * list for an input object, several fields of a `@oneOf` input, null in a position that only allows absence.
 */
function canCoerce(schema: GraphQLSchema, known: CompiledDocument, variables: Variables, operationName: string | undefined): boolean {
  const definitions = getOperationAST(known.document, operationName)?.variableDefinitions
  if (!definitions?.length) return true
  const { coerced } = getVariableValues(schema, definitions, variables ?? {}, { maxErrors: 1 })
  if (!coerced) return false
  known.strictVariables ??= findStrictVariables(schema, known.document)
  for (const name of known.strictVariables) if (coerced[name] == null) return false
  return true
}

function findStrictVariables(schema: GraphQLSchema, document: DocumentNode): Set<string> {
  const found = new Set<string>()
  const types = new TypeInfo(schema)
  visit(
    document,
    visitWithTypeInfo(types, {
      VariableDefinition: () => false,
      Variable: ({ name }) => void (isNonNullType(types.getInputType()) && found.add(name.value)),
    }),
  )
  return found
}

const isPlain = ({ method, headers, url }: IncomingMessage) =>
  method === 'POST' &&
  url === '/graphql' &&
  headers['content-type'] === 'application/json' &&
  (headers.accept === undefined || headers.accept === '*/*' || headers.accept === 'application/json')
