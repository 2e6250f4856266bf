import { ExpectedError } from '../../domain/errors.ts'
import {
  type ComparedItem,
  type Comparison,
  compareEvaluations,
  findChangedWords,
  listComparedItems,
  outcomeOf,
  type WordTimes,
} from '../../evaluation/comparison.ts'
import { EvaluationNotFoundError, EvaluationStatusConflictError, TestSetMismatchError } from '../../evaluation/errors.ts'
import { errorsOf } from '../../evaluation/evaluation.ts'
import type { MatchedPairs } from '../../evaluation/statistics.ts'
import { takeTurn } from '../../evaluation/turns.ts'
import { builder } from '../builder.ts'
import { decodeNodeId } from '../node-id.ts'
import { unwrapPage } from '../pagination.ts'
import { EvaluatedItemType } from './evaluation-result.ts'
import { Evaluation, TestItem } from './refs.ts'

const ComparedOutcome = builder.enumType('ComparedOutcome', {
  description: 'The effect of evaluation b on a recording, compared with evaluation a.',
  values: {
    BETTER: { description: 'b has fewer word errors.' },
    WORSE: { description: 'b has more word errors.' },
    SAME: { description: 'Both have the same number of word errors.' },
  } as const,
})

const ComparedItemOrder = builder.enumType('ComparedItemOrder', {
  description: 'A sort order of the recordings of a comparison.',
  values: {
    NUMBER: { description: 'The order of the test set.' },
    WORSE_FIRST: { description: 'The recordings with the most additional word errors come first.' },
    BETTER_FIRST: { description: 'The recordings with the most avoided word errors come first.' },
  } as const,
})

const ComparedItemType = builder.objectRef<ComparedItem>('ComparedItem').implement({
  description: 'A recording in two evaluations.',
  fields: (t) => ({
    item: t.field({ type: TestItem, description: 'The recording, with its transcript and audio.', resolve: ({ a }) => a.item }),
    outcome: t.field({ type: ComparedOutcome, description: 'The effect of b.', resolve: outcomeOf }),
    difference: t.int({ description: 'The number of word errors of b minus that of a.', resolve: ({ a, b }) => errorsOf(b) - errorsOf(a) }),
    a: t.expose('a', { type: EvaluatedItemType, description: 'The recording in evaluation a.' }),
    b: t.expose('b', { type: EvaluatedItemType, description: 'The recording in evaluation b.' }),
    wordsWon: t.stringList({
      description: 'The words of the transcript that only b recognizes.',
      resolve: (pair) => takeTurn().then(() => findChangedWords(pair).won),
    }),
    wordsLost: t.stringList({
      description: 'The words of the transcript that only a recognizes.',
      resolve: (pair) => takeTurn().then(() => findChangedWords(pair).lost),
    }),
  }),
})

const ChangedWord = builder.objectRef<WordTimes>('ChangedWord').implement({
  description: 'A word that only one of two evaluations recognizes.',
  fields: (t) => ({
    word: t.exposeString('word', { description: 'The word.' }),
    times: t.exposeInt('times', { description: 'The number of occurrences.' }),
  }),
})

const MatchedPairsType = builder.objectRef<MatchedPairs>('MatchedPairsTest').implement({
  description:
    'The matched-pairs test of NIST (MAPSSWE), two-sided, with recordings as segments: the mean difference of the word errors, divided by its standard error, is compared with the normal distribution.',
  fields: (t) => ({
    meanDifference: t.exposeFloat('mean', { description: 'The mean number of word errors of a recording in b minus that in a.' }),
    statistic: t.exposeFloat('statistic', { description: 'The mean difference divided by its standard error.' }),
    pValue: t.exposeFloat('pValue', { description: 'The probability of such a difference, or of a larger one, by chance.' }),
    isSignificant: t.exposeBoolean('isSignificant', { description: 'True when the difference is more than chance with a confidence of 95 %.' }),
  }),
})

const EvaluationComparison = builder.objectRef<Comparison>('EvaluationComparison').implement({
  description: 'Two evaluations of one test set. All differences are those of b relative to a.',
  fields: (t) => ({
    a: t.expose('a', { type: Evaluation, description: 'The first evaluation.' }),
    b: t.expose('b', { type: Evaluation, description: 'The second evaluation.' }),
    better: t.int({ description: 'The number of recordings with fewer word errors.', resolve: ({ outcomes }) => outcomes.BETTER }),
    worse: t.int({ description: 'The number of recordings with more word errors.', resolve: ({ outcomes }) => outcomes.WORSE }),
    same: t.int({ description: 'The number of recordings with as many word errors.', resolve: ({ outcomes }) => outcomes.SAME }),
    wordErrorRateDifference: t.exposeFloat('difference', { description: 'The word error rate of b minus that of a.' }),
    matchedPairs: t.expose('matchedPairs', { type: MatchedPairsType, description: 'The test whether the difference is more than chance.' }),
    wordsWon: t.expose('wordsWon', { type: [ChangedWord], description: 'The words that only b recognizes, the most frequent first, at most 50.' }),
    wordsLost: t.expose('wordsLost', { type: [ChangedWord], description: 'The words that only a recognizes, the most frequent first, at most 50.' }),
    items: t.connection(
      {
        type: ComparedItemType,
        description: 'The recordings.',
        args: {
          orderBy: t.arg({ type: ComparedItemOrder, description: 'The sort order; the default is NUMBER.' }),
          outcomes: t.arg({ type: [ComparedOutcome], description: 'Only recordings with one of these outcomes.' }),
        },
        resolve: (comparison, args, ctx) => unwrapPage(listComparedItems(ctx, comparison, args)),
      },
      {
        name: 'ComparedItemConnection',
        description: 'A page of compared recordings.',
        fields: (c) => ({ totalCount: c.int({ description: 'The number of recordings on all pages.', resolve: (page) => page.totalCount() }) }),
      },
      { name: 'ComparedItemEdge', description: 'A compared recording and its place in the list.' },
    ),
  }),
})

const CompareEvaluationsResult = builder.unionType('CompareEvaluationsResult', {
  description: 'The comparison, or the reason for the refusal.',
  types: [EvaluationComparison, EvaluationNotFoundError, EvaluationStatusConflictError, TestSetMismatchError],
  resolveType: (result) => ((result as object) instanceof ExpectedError ? (result.constructor.name as never) : 'EvaluationComparison'),
})

builder.queryField('compareEvaluations', (t) =>
  t.field({
    type: CompareEvaluationsResult,
    description: 'Compares two COMPLETE evaluations of one test set.',
    args: {
      a: t.arg.id({ required: true, description: 'The `id` of the first evaluation, such as that of the present models.' }),
      b: t.arg.id({ required: true, description: 'The `id` of the second evaluation, such as that of the new models.' }),
    },
    resolve: (_, { a, b }, ctx) => compareEvaluations(ctx, { a: decodeNodeId('Evaluation', a), b: decodeNodeId('Evaluation', b) }) as never,
  }),
)
