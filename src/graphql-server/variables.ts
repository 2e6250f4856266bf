import { type ExecutionArgs, type GraphQLError, getOperationAST, getVariableValues } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { GraphQLContext } from '../graphql/builder.ts'

/** Variables are large if their JSON has more characters. */
const maxFullReportLength = 64 * 1024

/**
 * Refuses large variables with their first error alone. graphql-js reports up to 50 errors, and each can quote all
 * variables: two megabytes of variables would become 100 MB of text.
 */
export function guardVariables(mask: (error: unknown) => Error): Plugin<GraphQLContext> {
  const refuse = ({ schema, document, operationName, variableValues }: ExecutionArgs) => {
    const definitions = variableValues ? getOperationAST(document, operationName)?.variableDefinitions : undefined
    if (!variableValues || !definitions?.length) return undefined
    const [error] = getVariableValues(schema, definitions, variableValues, { maxErrors: 1 }).errors ?? []
    return error && JSON.stringify(variableValues).length > maxFullReportLength ? { errors: [mask(error) as GraphQLError] } : undefined
  }
  const guard = ({ args, setResultAndStopExecution }: { args: unknown; setResultAndStopExecution(result: { errors: GraphQLError[] }): void }) => {
    const refusal = refuse(args as ExecutionArgs)
    if (refusal) setResultAndStopExecution(refusal)
  }
  return { onExecute: guard, onSubscribe: guard }
}
