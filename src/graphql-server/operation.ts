import { hash } from 'node:crypto'
import { type DocumentNode, type ExecutionArgs, Kind, visit } from 'graphql'
import type { Viewer } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'

/** A validated subscription of one viewer. */
export interface Operation extends ExecutionArgs {
  query: string
  viewer: Viewer
  contextValue: GraphQLContext
}

/** Equal for operations that get the same results for the same events. */
export function keyOf({ query, document, operationName, variableValues, viewer }: Operation): string {
  const ignored = findCursorVariables(document)
  const variables = Object.entries(variableValues ?? {}).filter(([name]) => !ignored.has(name))
  return hash('sha256', JSON.stringify([query, operationName, variables, rightsOf(viewer)]))
}

/** Equal for viewers that can read the same data. */
export const rightsOf = ({ workspaceId, isBootstrap, scopes }: Viewer) => JSON.stringify([workspaceId, isBootstrap, [...scopes].sort()])

const cursorVariables = new WeakMap<DocumentNode, Set<string>>()

/** The variables that only set the cursor of a subscriber, which does not change the results. */
function findCursorVariables(document: DocumentNode): Set<string> {
  const known = cursorVariables.get(document)
  if (known) return known
  const cursors = document.definitions
    .flatMap((definition) => (definition.kind === Kind.OPERATION_DEFINITION ? definition.selectionSet.selections : []))
    .flatMap((selection) => (selection.kind === Kind.FIELD ? (selection.arguments ?? []) : []))
    .flatMap(({ name, value }) => (name.value === 'after' && value.kind === Kind.VARIABLE ? [value] : []))
  const found = new Set<string>()
  const usedElsewhere = new Set<string>()
  visit(document, {
    VariableDefinition: () => false,
    Variable: (variable) => void (cursors.includes(variable) ? found : usedElsewhere).add(variable.name.value),
  })
  for (const name of usedElsewhere) found.delete(name)
  cursorVariables.set(document, found)
  return found
}
