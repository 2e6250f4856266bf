import { hash } from 'node:crypto'
import { type DocumentNode, type ExecutionArgs, Kind, visit } from 'graphql'
import type { Viewer } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'

/** A subscription that has passed every check. */
export interface Operation extends ExecutionArgs {
  query: string
  viewer: Viewer
  contextValue: GraphQLContext
}

/** Equal for operations whose results are equal. */
export function keyOf({ query, document, operationName, variableValues, viewer }: Operation): string {
  const ignored = findCursorVariables(document)
  const variables = Object.entries(variableValues ?? {}).filter(([name]) => !ignored.has(name))
  return hash('sha256', JSON.stringify([query, operationName, variables, rightsOf(viewer)]))
}

/** Equal for callers that see the same. */
export const rightsOf = ({ workspaceId, isBootstrap, scopes }: Viewer) => JSON.stringify([workspaceId, isBootstrap, [...scopes].sort()])

const cursorVariables = new WeakMap<DocumentNode, Set<string>>()

/** Variables that only say where a watcher goes on: they differ, and what it gets does not. */
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
