import type { Evaluation, ModelFailure, TextStatistics } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { ModelStageEnum } from './model-enum.ts'

export const ModelFailureType = builder.objectRef<ModelFailure>('ModelFailure').implement({
  description: 'The reason why the build of a model failed.',
  fields: (t) => ({
    stage: t.expose('stage', { type: ModelStageEnum, description: 'The stage in which the build failed.' }),
    code: t.exposeString('code', { description: 'The kind of failure, for programs.' }),
    message: t.exposeString('message', { description: 'The description of the failure and of the remedy, for people.' }),
  }),
})

const Perplexity = builder.objectRef<{ general: number; custom: number }>('Perplexity').implement({
  description:
    'The perplexity of a held-out tenth of the text. A perplexity of n means that each next word is as hard to predict as a choice among n equally likely words.',
  fields: (t) => ({
    general: t.exposeFloat('general', { description: 'The perplexity under general word frequencies only.' }),
    custom: t.exposeFloat('custom', {
      description: 'The perplexity under a model of the rest of the text. A lower value means that the model learned more from the text.',
    }),
  }),
})

export const TextStatisticsType = builder.objectRef<TextStatistics>('TextStatistics').implement({
  description: 'Statistics of the text of a language model.',
  fields: (t) => ({
    lines: t.exposeInt('lines', { description: 'The number of lines read.' }),
    skippedLines: t.exposeInt('skippedLines', { description: 'The number of lines without a pronounceable word.' }),
    sentences: t.exposeInt('sentences', { description: 'The number of utterances learned, including listed phrases and spoken forms.' }),
    words: t.exposeInt('words', { description: 'The number of words in the utterances.' }),
    vocabulary: t.exposeInt('vocabulary', { description: 'The number of different words.' }),
    unknownWords: t.exposeInt('unknownWords', {
      nullable: true,
      description: 'The number of different words that are very rare in general speech; null for a locale without word frequencies.',
    }),
    unknownExamples: t.exposeStringList('unknownExamples', { description: 'Examples of the unknown words, the most frequent first.' }),
    perplexity: t.expose('perplexity', {
      type: Perplexity,
      nullable: true,
      description: 'The perplexity of the text, as a measure of the learnable content; null for short texts.',
    }),
  }),
})

const EvaluatedWord = builder.objectRef<{ word: string; times: number }>('EvaluatedWord').implement({
  description: 'A word whose recognition differs with and without the custom model.',
  fields: (t) => ({
    word: t.exposeString('word', { description: 'The word.' }),
    times: t.exposeInt('times', { description: 'The number of occurrences.' }),
  }),
})

export const EvaluationType = builder.objectRef<Evaluation>('LanguageModelEvaluation').implement({
  description: 'The recognition quality for recordings with known transcripts, without and with a custom language model.',
  fields: (t) => ({
    recordings: t.exposeInt('recordings', { description: 'The number of recordings counted. As many other recordings served to choose the weight.' }),
    words: t.exposeInt('words', { description: 'The number of words spoken in the recordings.' }),
    before: t.exposeFloat('before', { description: 'The word error rate without the custom model, 0 to 1 and more.' }),
    after: t.exposeFloat('after', { description: 'The word error rate with the custom model.' }),
    isWorse: t.boolean({ description: 'True when the custom model makes recognition worse.', resolve: ({ before, after }) => after > before }),
    weight: t.exposeFloat('weight', {
      description: 'The weight of the custom words relative to the sound: the best of several weights on the other recordings.',
    }),
    improved: t.field({
      type: [EvaluatedWord],
      description: 'Words that are correct only with the custom model, at most 50.',
      resolve: ({ improved }) => improved,
    }),
    worsened: t.field({
      type: [EvaluatedWord],
      description: 'Words that are correct only without the custom model, at most 50.',
      resolve: ({ worsened }) => worsened,
    }),
  }),
})

export const PronunciationType = builder.objectRef<{ spoken: string; written: string }>('Pronunciation').implement({
  description: 'A term whose spoken form differs from its written form.',
  fields: (t) => ({
    spoken: t.exposeString('spoken', { description: 'The spoken form, such as "pee bee ex".' }),
    written: t.exposeString('written', { description: 'The written form, such as "PBX".' }),
  }),
})
