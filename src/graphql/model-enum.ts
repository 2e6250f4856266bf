import { builder } from './builder.ts'

export const ModelStatusEnum = builder.enumType('ModelStatus', {
  description: 'The status of a model. Later versions can add values: use `isTerminal` and `isReady` rather than a complete switch.',
  values: {
    QUEUED: { description: 'The model waits for a worker.' },
    BUILDING: { description: 'A worker trains or checks the model. The fields `stage` and `progress` show the progress of the build.' },
    READY: { description: 'The model can be deployed.' },
    FAILED: { description: 'The build failed. The field `failure` contains the reason.' },
    CANCELED: { description: 'A request canceled the build before the model was ready.' },
    DELETING: { description: 'The model is deleted. Only the last change of a deleted model has this status.' },
  } as const,
})

export const ModelStageEnum = builder.enumType('ModelStage', {
  description: 'The stage of a model build.',
  values: {
    FETCHING: { description: 'The build fetches the files of an acoustic model.' },
    CHECKING: { description: 'The build compares the files with the base model and opens them in a separate process.' },
    TRAINING: { description: 'The build learns the words of a text and their order.' },
    EVALUATING: { description: 'The build recognizes test recordings without and with the custom words.' },
    VERIFYING: { description: 'The build recognizes a reference recording with the new model.' },
  } as const,
})

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
