import { type AlignedWord, alignTexts, wordErrorRate } from '../../decoding/word-errors.ts'
import { type EvaluatedItem, errorsOf } from '../../evaluation/evaluation.ts'
import { takeTurn } from '../../evaluation/turns.ts'
import type { EvaluationResult } from '../../postgres/evaluation/evaluation-tables.ts'
import { builder } from '../builder.ts'
import { TestItem } from './refs.ts'

const Interval = builder.objectRef<EvaluationResult['interval']>('ConfidenceInterval').implement({
  description: 'The interval that contains the value with a probability of 95 %.',
  fields: (t) => ({
    low: t.exposeFloat('low', { description: 'The lower end.' }),
    high: t.exposeFloat('high', { description: 'The upper end.' }),
  }),
})

const WordConfusion = builder.objectRef<EvaluationResult['confusions'][number]>('WordConfusion').implement({
  description: 'A word error that occurs in an evaluation.',
  fields: (t) => ({
    said: t.exposeString('said', { nullable: true, description: 'The word of the transcript; null for an inserted word.' }),
    heard: t.exposeString('heard', { nullable: true, description: 'The recognized word; null for a deleted word.' }),
    times: t.exposeInt('times', { description: 'The number of occurrences.' }),
  }),
})

const all = ({ substitutions, deletions, insertions }: EvaluationResult) => substitutions + deletions + insertions

export const EvaluationResultType = builder.objectRef<EvaluationResult>('EvaluationResult').implement({
  description: 'The word errors of an evaluation, counted as NIST `sclite` counts them.',
  fields: (t) => ({
    utterances: t.exposeInt('utterances', { description: 'The number of recordings.' }),
    words: t.exposeInt('words', { description: 'The number of words in the transcripts.' }),
    errors: t.int({ description: 'The number of word errors of all three kinds.', resolve: all }),
    substitutions: t.exposeInt('substitutions', { description: 'The number of words that were recognized as another word.' }),
    deletions: t.exposeInt('deletions', { description: 'The number of words that were not recognized.' }),
    insertions: t.exposeInt('insertions', { description: 'The number of recognized words that the transcripts do not contain.' }),
    wordErrorRate: t.float({
      description: 'The number of word errors divided by the number of words. The rate exceeds 1 when more words are wrong than the transcripts contain.',
      resolve: (result) => wordErrorRate([{ errors: all(result), words: result.words }]),
    }),
    wordErrorRateInterval: t.expose('interval', {
      type: Interval,
      description: 'The 95 % interval of the word error rate, by a bootstrap over the recordings.',
    }),
    sentenceErrors: t.exposeInt('sentenceErrors', { description: 'The number of recordings with at least one word error.' }),
    sentenceErrorRate: t.float({
      description: 'The number of sentence errors divided by the number of recordings.',
      resolve: ({ sentenceErrors, utterances }) => sentenceErrors / Math.max(1, utterances),
    }),
    audioSeconds: t.exposeFloat('audioSeconds', { description: 'The duration of all recordings in seconds.' }),
    realTimeFactor: t.float({
      description: 'The time of recognition divided by the duration of the recordings. The time does not include the wait for capacity.',
      resolve: ({ recognitionSeconds, audioSeconds }) => recognitionSeconds / Math.max(0.001, audioSeconds),
    }),
    confusions: t.expose('confusions', { type: [WordConfusion], description: 'The most frequent word errors, at most 50.' }),
  }),
})

const WordOperation = builder.enumType('WordOperation', {
  description: 'The relation of a word of the transcript to a recognized word.',
  values: {
    CORRECT: { description: 'The words are equal.' },
    SUBSTITUTION: { description: 'The words differ.' },
    DELETION: { description: 'The transcript has a word that was not recognized.' },
    INSERTION: { description: 'The recognized text has a word that the transcript does not contain.' },
  } as const,
})

const AlignedWordType = builder.objectRef<AlignedWord>('AlignedWord').implement({
  description: 'A word of the transcript beside a recognized word.',
  fields: (t) => ({
    op: t.expose('op', { type: WordOperation, description: 'The relation of the two words.' }),
    reference: t.exposeString('said', { nullable: true, description: 'The word of the transcript; null for an insertion.' }),
    hypothesis: t.exposeString('heard', { nullable: true, description: 'The recognized word; null for a deletion.' }),
  }),
})

export const EvaluatedItemType = builder.objectRef<EvaluatedItem>('EvaluatedItem').implement({
  description: 'A recording of an evaluation, with the recognized text.',
  fields: (t) => ({
    item: t.expose('item', { type: TestItem, description: 'The recording, with its transcript and audio.' }),
    text: t.exposeString('transcript', { description: 'The recognized text; empty when no speech was recognized.' }),
    words: t.exposeInt('words', { description: 'The number of words in the transcript.' }),
    errors: t.int({ description: 'The number of word errors of all three kinds.', resolve: errorsOf }),
    substitutions: t.exposeInt('substitutions', { description: 'The number of words that were recognized as another word.' }),
    deletions: t.exposeInt('deletions', { description: 'The number of words that were not recognized.' }),
    insertions: t.exposeInt('insertions', { description: 'The number of recognized words that the transcript does not contain.' }),
    recognitionMs: t.exposeFloat('recognitionMs', { description: 'The time of recognition in milliseconds, without the wait for capacity.' }),
    alignment: t.field({
      type: [AlignedWordType],
      description: 'The words of the transcript beside the recognized words, in the form in which they are compared: lower case, numbers as words.',
      resolve: ({ item, transcript, locale }) => takeTurn().then(() => alignTexts(item.transcript, transcript, locale)),
    }),
  }),
})
