import type { ServerResponse } from 'node:http'
import { Repeater } from '@repeaterjs/repeater'
import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Service } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import { keyEnded, type StreamCount, tooManyStreams } from './authentication.ts'

interface HttpContext extends GraphQLContext {
  /** Present over HTTP only: sockets are counted and ended as such. */
  res?: ServerResponse
}

/**
 * What every subscription over HTTP has in common, however it is asked for: it is counted when it begins, and ends with
 * its key, in words.
 */
export function guardStreams({ keyring }: Service, count: StreamCount, limit: number): Plugin<GraphQLContext> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { res: response, viewer } = args.contextValue as HttpContext
      // The close of a client that has left already does not come again.
      if (!response || response.destroyed) return undefined
      if (!count.enter(viewer, response)) return setResultAndStopExecution({ errors: [tooManyStreams(limit)] })
      return {
        onSubscribeResult({ result, setResult }) {
          if (Symbol.asyncIterator in result) setResult(endWith(result, keyEnded(viewer), (ended) => keyring.onEnd(viewer, ended)))
        },
      }
    },
    onResponse({ response }) {
      if (response.headers.get('content-type')?.startsWith('text/event-stream')) response.headers.set(...unbuffered)
    },
  }
}

/** Asks proxies, nginx above all, to pass on what is streamed at once instead of collecting it. */
export const unbuffered = ['x-accel-buffering', 'no'] as const

/** The same results, and when the key has ended that as the last. */
function endWith(
  results: AsyncIterable<ExecutionResult>,
  last: GraphQLError,
  onEnd: (ended: () => void) => () => void,
): AsyncIterableIterator<ExecutionResult> {
  return new Repeater<ExecutionResult>(async (push, stop) => {
    const inner = results[Symbol.asyncIterator]()
    const forget = onEnd(() => {
      push({ errors: [last] }).catch(() => {})
      stop()
    })
    stop.finally(() => void inner.return?.())
    try {
      for (let next = await inner.next(); !next.done; next = await inner.next()) await push(next.value)
      stop()
    } finally {
      forget()
    }
  }) as unknown as AsyncIterableIterator<ExecutionResult>
}
