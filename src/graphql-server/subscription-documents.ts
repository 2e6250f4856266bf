import { type DocumentNode, type FragmentDefinitionNode, GraphQLError, Kind, OperationTypeNode, type SelectionSetNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { GraphQLContext } from '../graphql/builder.ts'
import { withShortMessage } from './error-masking.ts'

const refused = ['skip', 'include']

/**
 * Returns an exception of validation as an error of the document. graphql-js collects the root fields of a subscription
 * during validation, without variables and before the directives are checked, and throws for some of them.
 */
export function guardValidation(mask: (error: unknown) => Error): Plugin<GraphQLContext> {
  return {
    onValidate({ params: { documentAST }, setResult, validateFn, setValidationFn }) {
      const problem = checkRootDirectives(documentAST)
      if (problem) setResult([problem])
      const validate = validateFn as (...args: unknown[]) => unknown
      setValidationFn((...args: unknown[]) => {
        try {
          return validate(...args)
        } catch (error) {
          return [mask(error)]
        }
      })
      return ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map((error) => withShortMessage(error as GraphQLError)))
      }
    },
  }
}

/** The specification forbids `@skip` and `@include` on the root field, because a subscription always has exactly one. */
function checkRootDirectives({ definitions }: DocumentNode): GraphQLError | undefined {
  const fragments = new Map(
    definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])),
  )
  const seen = new Set<string>()
  const find = ({ selections }: SelectionSetNode): GraphQLError | undefined => {
    for (const selection of selections) {
      const directive = selection.directives?.find(({ name }) => refused.includes(name.value))
      if (directive) {
        const message = `The directive "@${directive.name.value}" is not allowed on the root field of a subscription. Remove the directive, or move it to a nested field.`
        return new GraphQLError(message, { nodes: [directive], extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400, spec: false } } })
      }
      if (selection.kind === Kind.FIELD) continue
      const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : findFragment(selection.name.value)
      const problem = inner && find(inner)
      if (problem) return problem
    }
    return undefined
  }
  const findFragment = (name: string) => {
    if (seen.has(name)) return undefined
    seen.add(name)
    return fragments.get(name)?.selectionSet
  }
  for (const node of definitions) {
    const problem = node.kind === Kind.OPERATION_DEFINITION && node.operation === OperationTypeNode.SUBSCRIPTION && find(node.selectionSet)
    if (problem) return problem
  }
  return undefined
}
