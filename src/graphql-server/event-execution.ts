import { setTimeout as delay } from 'node:timers/promises'
import { type ExecutionArgs, type ExecutionResult, execute, type GraphQLError } from 'graphql'
import type { Viewer } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import type { LoggedEvent } from '../lifecycle/event-log.ts'
import { isUnexpected } from './error-masking.ts'
import { rightsOf } from './operation.ts'

export type ToContext = (viewer: Viewer) => GraphQLContext
type EventExecution = (viewer: Viewer, args: ExecutionArgs, event: LoggedEvent) => Promise<ExecutionResult>

const retryMs = 500

/**
 * Executes a subscription for one event. The event is the root value of the execution, as the GraphQL specification
 * defines (ExecuteSubscriptionEvent).
 */
export function createEventExecution(toContext: ToContext, mask: (error: GraphQLError) => Error): EventExecution {
  const contextOf = shareContexts(toContext)
  const waitForPostgres = createWait()
  return async (viewer, args, event) => {
    const once = async () => execute({ ...args, contextValue: contextOf(viewer), rootValue: event })
    let result = await once()
    if (result.errors?.some(isUnexpected)) {
      // Each event is sent once, so the execution waits for Postgres instead of sending an error.
      await waitForPostgres(contextOf(viewer))
      result = await once()
    }
    return result.errors ? { ...result, errors: result.errors.map((error) => mask(error) as GraphQLError) } : result
  }
}

/**
 * One context for all executions that start in the same turn of the event loop, so that they share look-ups. Each look-up
 * starts after its events were read, so its result is never older than the events.
 */
function shareContexts(toContext: ToContext): ToContext {
  const contexts = new Map<string, GraphQLContext>()
  return (viewer) => {
    const rights = rightsOf(viewer)
    const known = contexts.get(rights)
    if (known) return known
    if (contexts.size === 0) setImmediate(() => contexts.clear())
    const context = toContext(viewer)
    contexts.set(rights, context)
    return context
  }
}

/** Returns a function that waits until Postgres answers. Simultaneous callers share one check. */
function createWait() {
  let waiting: Promise<void> | undefined
  const wait = async ({ store }: GraphQLContext) => {
    for (let isAnswering = false; !isAnswering; ) {
      isAnswering = await store.check().then(
        () => true,
        () => false,
      )
      if (!isAnswering) await delay(retryMs, undefined, { ref: false })
    }
    waiting = undefined
  }
  return (context: GraphQLContext) => (waiting ??= wait(context))
}
