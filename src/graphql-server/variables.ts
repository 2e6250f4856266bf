import { type ExecutionArgs, type GraphQLError, getOperationAST, getVariableValues } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { GraphQLContext } from '../graphql/builder.ts'

/** Variables with more JSON than this are large. */
const largeBytes = 64 * 1024

/**
 * Refuses large variables for the first of their mistakes. graphql-js reports 50, and each can quote all
 * variables, which would make 100 MB of text out of two.
 */
export function guardVariables(mask: (error: unknown) => Error): Plugin<GraphQLContext> {
  const refuse = ({ schema, document, operationName, variableValues }: ExecutionArgs) => {
    const definitions = variableValues ? getOperationAST(document, operationName)?.variableDefinitions : undefined
    if (!variableValues || !definitions?.length) return undefined
    const [error] = getVariableValues(schema, definitions, variableValues, { maxErrors: 1 }).errors ?? []
    return error && JSON.stringify(variableValues).length > largeBytes ? { errors: [mask(error) as GraphQLError] } : undefined
  }
  const guard = ({ args, setResultAndStopExecution }: { args: unknown; setResultAndStopExecution(result: { errors: GraphQLError[] }): void }) => {
    const refusal = refuse(args as ExecutionArgs)
    if (refusal) setResultAndStopExecution(refusal)
  }
  return { onExecute: guard, onSubscribe: guard }
}
