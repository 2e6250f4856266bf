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

/** Compiling takes a fifth of a millisecond for each field, and is never interrupted. */
const maxCompiledFields = 100

export interface CompiledQueries {
  /** Answers a query whose document has been accepted before; false, with nothing written, when the long way must. */
  answer(request: IncomingMessage, response: ServerResponse, parameters: Parameters, contextValue: GraphQLContext): Promise<boolean>
}

/**
 * Answers queries whose document has been through everything before, without going through it again:
 * what remains is the limits and the execution. Whatever is not plain (a mutation, another way
 * to send it, any error at all) is left to the long way, which then says it in its own words. A query
 * may be executed twice by that; it changes nothing.
 */
export function createCompiledQueries(schema: GraphQLSchema, documents: Documents, limits: OperationLimits): CompiledQueries {
  const queries = new WeakMap<DocumentNode, CompiledDocument>()
  const compiledOf = (document: DocumentNode) => {
    const known = queries.get(document) ?? { document, isSmall: countFields(schema, document) <= maxCompiledFields, compiled: new Map() }
    queries.set(document, known)
    return known
  }
  return {
    async answer(request, response, { query, variables, operationName, extensions }, contextValue) {
      if (!isPlain(request) || extensions) return false
      const document = query === undefined ? undefined : documents.find(query)
      if (!document || checkOperation(schema, document, variables, limits)) return false
      const known = compiledOf(document)
      const run = compile(schema, known, operationName)
      if (!run || !canCoerce(schema, known, variables, operationName)) return false
      const { data, errors } = await run(undefined, contextValue, variables ?? {})
      if (errors || !data) return false
      const text = JSON.stringify({ data })
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) })
      response.end(text)
      return true
    },
  }
}

interface CompiledDocument {
  document: DocumentNode
  /** True when it may be compiled. */
  isSmall: boolean
  /** Nullable variables that stand where null is refused, if they have been looked for. */
  strictVariables?: ReadonlySet<string>
  /** By operation name; null where there is nothing to compile, such as a mutation. */
  compiled: Map<string | undefined, CompiledQuery['query'] | null>
}

function compile(schema: GraphQLSchema, { document, isSmall, compiled }: CompiledDocument, operationName: string | undefined): CompiledQuery['query'] | null {
  const known = compiled.get(operationName)
  if (known !== undefined) return known
  // Names that the document does not have are not remembered: there is no end of them.
  if (!isSmall || getOperationAST(document, operationName)?.operation !== OperationTypeNode.QUERY) return null
  const made = compileQuery(schema, document, operationName)
  const run = isCompiledQuery(made) ? made.query : null
  compiled.set(operationName, run)
  return run
}

/**
 * True when graphql-js takes the variables. The compiled query reads them with code of its own, which takes more: a
 * list for an input object, several fields of one that may have one, null where only its absence is allowed.
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
