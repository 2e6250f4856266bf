import type { InputFieldMap, InputShapeFromFields } from '@pothos/core'
import { Repeater } from '@repeaterjs/repeater'
import type { GraphQLField } from 'graphql'
import { ExpectedError } from '../domain/errors.ts'
import type { Watch } from '../domain/subscription.ts'
import type { LoggedEvent } from '../lifecycle/event-log.ts'
import { builder, type GraphQLContext } from './builder.ts'

/** Opens the watch of one subscriber, or returns the error that prevents the subscription. */
type OpenWatch<Args, Event extends LoggedEvent = LoggedEvent> = (args: Args, ctx: GraphQLContext) => Promise<Watch<Event> | ExpectedError>

interface WatchedField<Args extends InputFieldMap, Event extends LoggedEvent> {
  type: ReturnType<typeof builder.unionType>
  description: string
  args: Args
  watch: OpenWatch<InputShapeFromFields<Args>, Event>
}

/**
 * Adds a subscription field whose events come from a watch. The field declares `watch` in its extensions, where
 * `chooseDelivery` in graphql-server finds it for the shared broadcast. `subscribe` is the same watch for the execution
 * per subscriber. On both paths one event is the root value of one execution, so the field resolves to its root value.
 */
export function addWatchedField<Args extends InputFieldMap, Event extends LoggedEvent>(name: string, { watch, ...field }: WatchedField<Args, Event>): void {
  builder.subscriptionField(name, (t) =>
    t.field({
      ...field,
      extensions: { watch },
      subscribe: (_, args, ctx) => watch(args, ctx).then(toStream),
      resolve: (event) => event as never,
    }),
  )
}

/** The watch that a subscription field declares. */
export const watchOf = ({ extensions }: GraphQLField<unknown, unknown>) => extensions['watch'] as OpenWatch<Record<string, unknown>> | undefined

/** The events of a watch, or a stream of the error alone. */
const toStream = <Event>(watched: AsyncIterable<Event> | ExpectedError): AsyncIterable<Event | ExpectedError> =>
  watched instanceof ExpectedError ? Repeater.race([[watched]]) : watched
