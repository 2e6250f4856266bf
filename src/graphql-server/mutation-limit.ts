import type { IncomingMessage } from 'node:http'
import { type DocumentNode, type FragmentDefinitionNode, GraphQLError, getOperationAST, Kind, OperationTypeNode, type SelectionSetNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Service, Viewer } from '../domain/context.ts'
import { explainRate, type RateRefusal, toRateHeaders } from '../domain/mutation-rate.ts'
import type { GraphQLContext } from '../graphql/builder.ts'

/** The context of a request before execution. Over HTTP, `request` identifies the viewer. Over WebSocket, `viewer` is set. */
interface PendingContext {
  request?: Request
  req?: IncomingMessage
  viewer?: Viewer
  params?: { operationName?: string | null }
}

/**
 * Counts the mutations of each key and workspace, and refuses mutations over the limit, between validation and
 * execution. The limit applies to every transport: HTTP, Server-Sent Events and WebSocket. A mutation for which `hasRun`
 * is true has been counted already.
 */
export function limitMutations(
  { mutationRate }: Pick<Service, 'mutationRate'>,
  viewers: WeakMap<Request, Viewer>,
  hasRun: (request: IncomingMessage | undefined) => boolean,
): Plugin<GraphQLContext> {
  const counted = new WeakMap<Request, Viewer>()
  return {
    onValidate({ params: { documentAST }, context }) {
      const { request, viewer = request && viewers.get(request), req, params } = context as PendingContext
      const count = countMutations(documentAST, params?.operationName)
      if (!viewer || !count) return
      return ({ valid, setResult }) => {
        if (!valid) return
        if (request) counted.set(request, viewer)
        if (hasRun(req)) return
        const refusal = mutationRate.take(viewer, count)
        if (refusal) setResult([rateLimited(refusal)])
      }
    },
    onResponse({ request, response }) {
      const viewer = counted.get(request)
      if (!viewer) return
      for (const [name, value] of Object.entries(toRateHeaders(mutationRate.read(viewer)))) response.headers.set(name, value)
    },
  }
}

const rateLimited = (refusal: RateRefusal) => {
  const http = { status: 429, headers: { 'retry-after': String(refusal.retryAfter) } }
  return new GraphQLError(explainRate(refusal), { extensions: { code: 'RATE_LIMITED', ...refusal, http } })
}

/** The number of root fields of the mutation, by response name; 0 for other operations. */
export function countMutations(document: DocumentNode, operationName: string | null | undefined): number {
  const operation = getOperationAST(document, operationName || undefined)
  if (operation?.operation !== OperationTypeNode.MUTATION) return 0
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const names = new Set<string>()
  const collect = ({ selections }: SelectionSetNode) => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) names.add((selection.alias ?? selection.name).value)
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet)
      else {
        const fragment = fragments.get(selection.name.value)
        // Execution collects the fields of a fragment once.
        fragments.delete(selection.name.value)
        if (fragment) collect(fragment.selectionSet)
      }
    }
  }
  collect(operation.selectionSet)
  return names.size
}
