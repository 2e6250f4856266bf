import { builder } from './builder.ts'

export const ScenarioEnum = builder.enumType('Scenario', {
  description: 'The kind of speech that a base model, and every model built on it, is made for. Models of different scenarios cannot be deployed together.',
  values: {
    CONVERSATIONAL: { description: 'People talking to each other: meetings, interviews, calls.' },
    SEARCH_AND_DICTATION: { description: 'A person speaking to an application: commands, queries, dictation.' },
  } as const,
})

export const ModelKindEnum = builder.enumType('ModelKind', {
  description: 'The kind of a model.',
  values: {
    ACOUSTIC: { description: 'A model of the sounds of speech.' },
    LANGUAGE: { description: 'A model of the words of speech and their written forms.' },
  } as const,
})
