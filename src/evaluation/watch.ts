import { setTimeout as delay } from 'node:timers/promises'
import { Repeater } from '@repeaterjs/repeater'
import type { Context } from '../domain/context.ts'
import type { ExpectedError } from '../domain/errors.ts'
import type { EvaluationRow, TestSetRow } from '../postgres/evaluation/evaluation-tables.ts'
import { EvaluationNotFoundError, TestSetNotFoundError } from './errors.ts'
import { findEvaluation } from './evaluation.ts'
import { evaluationTopic, isEvaluationTerminal } from './evaluation-lifecycle.ts'
import { findTestSet } from './test-set.ts'
import { isTestSetTerminal, testSetTopic } from './test-set-lifecycle.ts'

type Watched<Row> = AsyncIterable<Row | ExpectedError>

const retryMs = 500

/**
 * Watches one row: the row as it is, then the row after changes, until it is terminal or deleted. The states of a row are
 * sent in order and at most once. States that follow each other faster than the subscriber reads are left out, except
 * the last one.
 */
export const watchTestSet = (ctx: Context, id: string): Watched<TestSetRow> =>
  watchRow(ctx, testSetTopic(id), () => findTestSet(ctx, id), isTestSetTerminal, new TestSetNotFoundError('id'))

/** Watches an evaluation, as {@link watchTestSet} does. */
export const watchEvaluation = (ctx: Context, id: string): Watched<EvaluationRow> =>
  watchRow(ctx, evaluationTopic(id), () => findEvaluation(ctx, id), isEvaluationTerminal, new EvaluationNotFoundError('id'))

function watchRow<Row extends { sequence: number; status: string }>(
  { store }: Context,
  topic: string,
  find: () => Promise<Row | null>,
  isTerminal: (status: Row['status']) => boolean,
  missing: ExpectedError,
): Watched<Row> {
  return new Repeater<Row | ExpectedError>(async (push, stop) => {
    let isStopped = false
    let seen = -1
    let isNotified = true
    let wake: (() => void) | undefined
    const notify = () => {
      isNotified = true
      wake?.()
    }
    // The watch begins before the first read, so that no change falls in between.
    const unwatch = store.events.watch(topic, notify)
    stop.finally(() => {
      isStopped = true
      wake?.()
    })
    try {
      while (!isStopped) {
        isNotified = false
        // While Postgres is unavailable, the watch tries again.
        const row = await find().catch(() => delay(retryMs, undefined))
        if (row === undefined) continue
        if (row === null) {
          if (seen < 0) await push(missing)
          return stop()
        }
        if (row.sequence > seen && !isStopped) await push(row)
        seen = row.sequence
        if (isTerminal(row.status)) return stop()
        if (!isNotified && !isStopped) await new Promise<void>((woken) => (wake = woken))
        wake = undefined
      }
    } finally {
      unwatch()
    }
  })
}
