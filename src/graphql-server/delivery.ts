import { type FieldNode, type GraphQLField, getArgumentValues, getOperationAST, getVariableValues, Kind, type SelectionSetNode } from 'graphql'
import { ExpectedError } from '../domain/errors.ts'
import type { Watch } from '../domain/subscription.ts'
import { watchOf } from '../graphql/watched-field.ts'
import type { Operation } from './operation.ts'

/** The delivery path of one subscriber; a broadcast continues the subscriber's watch. */
export type Delivery = { path: 'broadcast'; watch: Watch } | { path: 'execution' }

const execution: Delivery = { path: 'execution' }

/**
 * Chooses the path on which events reach a subscriber.
 *
 * - The shared broadcast (`broadcast.ts`) executes the operation once per event for all subscribers with the same
 *   operation and rights, and sends each of them the same text. The root field must declare a watch in its extensions
 *   (`graphql/watched-field.ts`), and the watch must open.
 * - The execution per subscriber (`subscribe` of graphql-js, called by graphql-yoga) executes the operation once per event
 *   and subscriber. This path serves all other subscriptions and reports every error of the request: wrong variables, an
 *   unknown id, a wrong cursor. Event streams whose request names an origin use this path without a choice, because
 *   graphql-yoga writes their response.
 *
 * Both paths deliver the same results.
 */
export async function chooseDelivery(operation: Operation): Promise<Delivery> {
  const root = findRootField(operation)
  const open = root && watchOf(root.field)
  if (!open) return execution
  try {
    const watch = await open(getArgumentValues(root.field, root.node, root.variables), operation.contextValue)
    return watch instanceof ExpectedError ? execution : { path: 'broadcast', watch }
  } catch {
    // The execution opens the watch again, and reports the error if it persists.
    return execution
  }
}

interface RootField {
  field: GraphQLField<unknown, unknown>
  node: FieldNode
  variables: Record<string, unknown>
}

/** The only root field of a validated subscription; undefined when the variables are invalid. */
function findRootField({ schema, document, operationName, variableValues }: Operation): RootField | undefined {
  const operation = getOperationAST(document, operationName)
  const node = operation && findField(operation.selectionSet, document.definitions)
  const field = node && schema.getSubscriptionType()?.getFields()[node.name.value]
  if (!operation || !field) return undefined
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {}, { maxErrors: 1 })
  return coerced && { field, node, variables: coerced }
}

/** The first field of a selection set, in fragments as well. Validation forbids `@skip` and `@include` here. */
function findField({ selections }: SelectionSetNode, definitions: Operation['document']['definitions']): FieldNode | undefined {
  const [selection] = selections
  if (!selection || selection.kind === Kind.FIELD) return selection
  if (selection.kind === Kind.INLINE_FRAGMENT) return findField(selection.selectionSet, definitions)
  const fragment = definitions.find((definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value)
  return fragment?.kind === Kind.FRAGMENT_DEFINITION ? findField(fragment.selectionSet, definitions) : undefined
}
