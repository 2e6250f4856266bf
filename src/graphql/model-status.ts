import { builder } from './builder.ts'

export const ModelStatusEnum = builder.enumType('ModelStatus', {
  description: 'Where a model stands. More values may come: use `isTerminal` and `isReady` rather than a complete switch.',
  values: {
    QUEUED: { description: 'Waiting for a worker.' },
    BUILDING: { description: 'Being trained or checked; `stage` and `progress` tell how far it is.' },
    READY: { description: 'Can be deployed.' },
    FAILED: { description: 'Given up; `failure` tells why.' },
    CANCELED: { description: 'Ended on request before it was ready.' },
    DELETING: { description: 'Gone. Only the last change of a deleted model has this status.' },
  } as const,
})

export const ModelStageEnum = builder.enumType('ModelStage', {
  description: 'What building a model is doing.',
  values: {
    FETCHING: { description: 'Bringing the files of an acoustic model.' },
    CHECKING: { description: 'Comparing them with the base model and opening them in a process of their own.' },
    TRAINING: { description: 'Learning the words of a text and their order.' },
    EVALUATING: { description: 'Recognizing test recordings without and with the words.' },
    VERIFYING: { description: 'Recognizing a reference recording with the new model.' },
  } as const,
})
