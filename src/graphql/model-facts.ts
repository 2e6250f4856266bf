import type { Evaluation, ModelFailure, TextStatistics } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { ModelStageEnum } from './model-status.ts'

export const ModelFailureType = builder.objectRef<ModelFailure>('ModelFailure').implement({
  description: 'Why a model could not be built.',
  fields: (t) => ({
    stage: t.expose('stage', { type: ModelStageEnum, description: 'The stage that it failed in.' }),
    code: t.exposeString('code', { description: 'For programs: the kind of failure.' }),
    message: t.exposeString('message', { description: 'For people: what happened and what to do.' }),
  }),
})

const Perplexity = builder.objectRef<{ general: number; custom: number }>('Perplexity').implement({
  description: 'How surprising a tenth of the text is that was held out: among how many equally likely words each next one seems to be chosen.',
  fields: (t) => ({
    general: t.exposeFloat('general', { description: 'To someone who knows only how frequent words are in general.' }),
    custom: t.exposeFloat('custom', { description: 'To a model of the rest of the text. The lower, the more there was to learn.' }),
  }),
})

export const TextStatisticsType = builder.objectRef<TextStatistics>('TextStatistics').implement({
  description: 'What the text of a language model held.',
  fields: (t) => ({
    lines: t.exposeInt('lines', { description: 'Lines that were read.' }),
    skippedLines: t.exposeInt('skippedLines', { description: 'Lines without a word that can be said.' }),
    sentences: t.exposeInt('sentences', { description: 'Utterances that were learned, listed phrases and spoken forms included.' }),
    words: t.exposeInt('words', { description: 'Words in them.' }),
    vocabulary: t.exposeInt('vocabulary', { description: 'Different words.' }),
    unknownWords: t.exposeInt('unknownWords', {
      nullable: true,
      description: 'Different words that speech in general hardly has; null where that is not known for the locale.',
    }),
    unknownExamples: t.exposeStringList('unknownExamples', { description: 'Some of those, the most frequent first.' }),
    perplexity: t.expose('perplexity', { type: Perplexity, nullable: true, description: 'How much there was to learn; null for short texts.' }),
  }),
})

const EvaluatedWord = builder.objectRef<{ word: string; times: number }>('EvaluatedWord').implement({
  description: 'A word that is recognized otherwise with the custom model than without.',
  fields: (t) => ({
    word: t.exposeString('word', { description: 'The word.' }),
    times: t.exposeInt('times', { description: 'How often.' }),
  }),
})

export const EvaluationType = builder.objectRef<Evaluation>('Evaluation').implement({
  description: 'How recordings with known transcripts are recognized without and with a custom language model.',
  fields: (t) => ({
    recordings: t.exposeInt('recordings', { description: 'Recordings that were counted; as many others served to choose the weight.' }),
    words: t.exposeInt('words', { description: 'Words that are said in them.' }),
    before: t.exposeFloat('before', { description: 'The word error rate without the custom model, 0 to 1 and more.' }),
    after: t.exposeFloat('after', { description: 'The word error rate with it.' }),
    isWorse: t.boolean({ description: 'True when it makes recognition worse.', resolve: ({ before, after }) => after > before }),
    weight: t.exposeFloat('weight', { description: 'How much its words count against the sound; the best of several on the other recordings.' }),
    improved: t.field({ type: [EvaluatedWord], description: 'Words that are right only with it, at most 50.', resolve: ({ improved }) => improved }),
    worsened: t.field({ type: [EvaluatedWord], description: 'Words that are right only without it, at most 50.', resolve: ({ worsened }) => worsened }),
  }),
})

export const PronunciationType = builder.objectRef<{ spoken: string; written: string }>('Pronunciation').implement({
  description: 'Something that is said otherwise than it is written.',
  fields: (t) => ({
    spoken: t.exposeString('spoken', { description: 'What is said, such as "pee bee ex".' }),
    written: t.exposeString('written', { description: 'What is written for it, such as "PBX".' }),
  }),
})
