import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  GraphQLError,
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
import type { Plugin } from 'graphql-yoga'
import type { Service } from '../domain/context.ts'
import { toRateHeaders } from '../domain/mutation-rate.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import { checkOperation, countFields, type OperationLimits, type Variables } from '../graphql-limits/operation-limits.ts'
import type { Documents } from './documents.ts'
import { countMutations } from './mutation-limit.ts'
import type { Parameters } from './request-body.ts'

/** Compilation takes a fifth of a millisecond per field, and blocks the event loop. */
const maxCompiledFields = 100

export interface CompiledOperations {
  /** Answers a query or mutation whose document is accepted. False, with nothing written, when graphql-yoga must answer. */
  answer(request: IncomingMessage, response: ServerResponse, parameters: Parameters, contextValue: GraphQLContext): Promise<boolean>
  /** The result with errors of a mutation that has run, which graphql-yoga masks and sends. */
  findResult(request: IncomingMessage | undefined): ExecutionResult | undefined
  plugin: Plugin<GraphQLContext>
}

/**
 * Answers queries and mutations whose document graphql-yoga has accepted before. Only the limits are checked again; then
 * the compiled operation runs. graphql-yoga answers everything else (other media types, mutations over the rate, any
 * error) and writes the error messages. A query can run twice because of that, which is safe: queries change nothing. A
 * mutation runs once: graphql-yoga receives its result. Mutations with several root fields are not compiled, since each
 * must wait until the one before is complete.
 */
export function createCompiledOperations(
  schema: GraphQLSchema,
  documents: Documents,
  limits: OperationLimits,
  { mutationRate, measures }: Pick<Service, 'mutationRate' | 'measures'>,
): CompiledOperations {
  const operations = new WeakMap<DocumentNode, CompiledDocument>()
  const results = new WeakMap<IncomingMessage, ExecutionResult>()
  const withinLimits = new WeakSet<DocumentNode>()
  const compiledOf = (document: DocumentNode) => {
    const known = operations.get(document) ?? { document, isSmall: countFields(schema, document) <= maxCompiledFields, compiled: new Map() }
    operations.set(document, known)
    return known
  }
  const findResult = (request: IncomingMessage | undefined) => request && results.get(request)
  return {
    async answer(request, response, { query, variables, operationName, extensions }, contextValue) {
      if (!isPlain(request) || extensions) return false
      const document = query === undefined ? undefined : documents.find(query)
      if (!document || checkOperation(schema, document, variables, limits, withinLimits)) return false
      const known = compiledOf(document)
      const run = compile(schema, known, operationName)
      if (!run || !canCoerce(schema, known, variables, operationName)) return false
      const isMutation = countMutations(document, operationName) > 0
      // A refusal takes nothing, and graphql-yoga refuses the mutation with the same message.
      if (isMutation && mutationRate.take(contextValue.viewer, 1)) return false
      const { data, errors } = await run(undefined, contextValue, variables ?? {})
      if (errors || !data) {
        if (isMutation) results.set(request, { errors: (errors ?? []).map((error) => withNodes(document, error)), ...(data === undefined ? {} : { data }) })
        return false
      }
      measures.operation(isMutation ? 'mutation' : 'query', 'success')
      const text = JSON.stringify({ data })
      const headers = isMutation ? toRateHeaders(mutationRate.read(contextValue.viewer)) : {}
      const bytes = Buffer.byteLength(text)
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes, ...headers })
      // ASCII has the same bytes in Latin-1, for which Node reserves a third of the memory.
      response.end(text, bytes === text.length ? 'latin1' : 'utf8')
      return true
    },
    findResult,
    plugin: {
      onExecute({ args, setExecuteFn }) {
        const result = findResult((args.contextValue as { req?: IncomingMessage }).req)
        if (result) setExecuteFn(() => result)
      },
    },
  }
}

/** The error as graphql-js makes it, with the nodes that the error masking reads. */
function withNodes(document: DocumentNode, { message, locations, path, originalError }: GraphQLError): GraphQLError {
  const nodes: FieldNode[] = []
  visit(document, {
    Field(node) {
      const { line, column } = node.loc?.startToken ?? {}
      if (locations?.some((location) => location.line === line && location.column === column)) nodes.push(node)
    },
  })
  // graphql-js marks the errors of its own checks of a result in the same way.
  const cause = originalError ?? (path ? new Error(message) : null)
  return new GraphQLError(message, { nodes, path: path ?? null, originalError: cause })
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
  const operation = isSmall ? getOperationAST(document, operationName)?.operation : undefined
  if (!operation || operation === OperationTypeNode.SUBSCRIPTION || countMutations(document, operationName) > 1) return null
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
