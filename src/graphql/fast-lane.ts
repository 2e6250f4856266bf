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
import type { GraphQLContext } from './builder.ts'
import { checkOperation, type OperationLimits, type Variables } from './limits.ts'

/** Documents that are remembered, and how long a remembered one may be. */
const mostDocuments = 500
const longestDocument = 8 * 1024

interface Parameters {
  query: string
  variables: Variables
  operationName: string | undefined
}

export interface FastLane {
  /** Remembers a document that has been validated against the schema. */
  learn(query: string, document: DocumentNode): void
  /** Answers a query that it knows; false when somebody else must, with nothing written. */
  answer(request: IncomingMessage, response: ServerResponse, body: Buffer, contextValue: GraphQLContext): Promise<boolean>
}

/**
 * Answers queries whose document has been through everything before, without going through it again:
 * what remains is the limits and the execution. Whatever is not plain (a mutation, another way
 * to send it, any error at all) is left to the long way, which then says it in its own words. A query
 * may be executed twice by that; it changes nothing.
 */
export function createFastLane(schema: GraphQLSchema, limits: OperationLimits): FastLane {
  const documents = new Map<string, Known>()
  return {
    learn(query, document) {
      if (query.length > longestDocument || documents.has(query)) return
      const [oldest] = documents.keys()
      if (documents.size >= mostDocuments && oldest !== undefined) documents.delete(oldest)
      documents.set(query, { document, compiled: new Map() })
    },

    async answer(request, response, body, contextValue) {
      if (!isPlain(request)) return false
      const parameters = readParameters(body)
      const known = parameters && documents.get(parameters.query)
      if (!known || !parameters) return false
      if (checkOperation(schema, known.document, parameters.variables, limits)) return false
      const run = compile(schema, known, parameters.operationName)
      if (!run || !mayCoerce(schema, known, parameters)) return false
      const { data, errors } = await run(undefined, contextValue, parameters.variables ?? {})
      if (errors || !data) return false
      const text = JSON.stringify({ data })
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) })
      response.end(text)
      return true
    },
  }
}

interface Known {
  document: DocumentNode
  /** Nullable variables that stand where null is refused, if they have been looked for. */
  delicate?: ReadonlySet<string>
  /** By operation name; null where there is nothing to compile, such as a mutation. */
  compiled: Map<string | undefined, CompiledQuery['query'] | null>
}

function compile(schema: GraphQLSchema, { document, compiled }: Known, operationName: string | undefined): CompiledQuery['query'] | null {
  const known = compiled.get(operationName)
  if (known !== undefined) return known
  // Names that the document does not have are not remembered: there is no end of them.
  if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.QUERY) return null
  const made = compileQuery(schema, document, operationName)
  const run = isCompiledQuery(made) ? made.query : null
  compiled.set(operationName, run)
  return run
}

/**
 * True when graphql-js takes the variables. The compiled query reads them with code of its own, which takes more: a
 * list for an input object, several fields of one that may have one, null where only its absence is allowed.
 */
function mayCoerce(schema: GraphQLSchema, known: Known, { variables, operationName }: Parameters): boolean {
  const definitions = getOperationAST(known.document, operationName)?.variableDefinitions
  if (!definitions?.length) return true
  const { coerced } = getVariableValues(schema, definitions, variables ?? {}, { maxErrors: 1 })
  if (!coerced) return false
  known.delicate ??= findDelicate(schema, known.document)
  for (const name of known.delicate) if (coerced[name] == null) return false
  return true
}

function findDelicate(schema: GraphQLSchema, document: DocumentNode): Set<string> {
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

export function readParameters(body: Buffer): Parameters | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString())
    const { query, variables, operationName, ...more } = parsed as Record<string, unknown>
    const isVariables = variables === undefined || variables === null || (typeof variables === 'object' && !Array.isArray(variables))
    const isName = operationName === undefined || operationName === null || typeof operationName === 'string'
    if (typeof query !== 'string' || !isVariables || !isName || Object.keys(more).length) return undefined
    return { query, variables: variables as Variables, operationName: operationName || undefined }
  } catch {
    return undefined
  }
}
