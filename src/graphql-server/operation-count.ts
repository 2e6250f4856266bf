import { type ExecutionArgs, getOperationAST } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Measures } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import type { Broadcasts } from './broadcast.ts'

type Outcome = Parameters<Measures['operation']>[1]

/** Counts the operations that graphql-yoga executes or refuses. Compiled operations and shared broadcasts are counted where they run. */
export function countOperations(measures: Measures): Plugin<GraphQLContext> {
  const counted = new WeakSet<object>()
  const count = ({ document, operationName, contextValue }: ExecutionArgs, outcome: Outcome) => {
    measures.operation(getOperationAST(document, operationName)?.operation ?? 'unknown', outcome)
    const { request } = (contextValue ?? {}) as { request?: Request }
    if (request) counted.add(request)
  }
  const outcomeOf = (result: unknown): Outcome => ((result as { errors?: unknown[] } | undefined)?.errors?.length ? 'error' : 'success')
  return {
    onExecute: () => ({ onExecuteDone: ({ args, result }) => count(args, outcomeOf(result)) }),
    onSubscribe: () => ({ onSubscribeResult: ({ args, result }) => count(args, outcomeOf(result)) }),
    onResultProcess({ request, result }) {
      if (outcomeOf(result) === 'error' && !counted.has(request)) measures.operation('unknown', 'refused')
    },
  }
}

/** Counts the subscriptions that join a broadcast. */
export const countBroadcasts = ({ join }: Broadcasts, measures: Measures): Broadcasts => ({
  join(...args) {
    measures.operation('subscription', 'success')
    return join(...args)
  },
})
