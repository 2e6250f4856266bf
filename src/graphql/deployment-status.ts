import { builder } from './builder.ts'

export const DeploymentStatusEnum = builder.enumType('DeploymentStatus', {
  description: 'Where a deployment stands. More values may come: use `isTerminal` and `isServing` rather than a complete switch.',
  values: {
    QUEUED: { description: 'Waiting for a worker.' },
    PROVISIONING: { description: 'Being made servable; `stage` and `progress` tell how far it is.' },
    COMPLETE: { description: 'Proved to work; the endpoint answers.' },
    FAILED: { description: 'Given up; `failure` tells why.' },
    CANCELED: { description: 'Ended on request before it was complete.' },
    DELETING: { description: 'Gone. Only the last change of a deleted deployment has this status.' },
  } as const,
})

export const StageEnum = builder.enumType('ProvisioningStage', {
  description: 'What provisioning is doing, in this order.',
  values: {
    RESOLVING: { description: 'Looking up both models and whether they still fit.' },
    FETCHING: { description: 'Fetching the model files and checking their SHA-256.' },
    BUILDING: { description: 'Compiling the language model.' },
    LOADING: { description: 'Loading both models into a recognizer.' },
    VERIFYING: { description: "Calling the endpoint's own URL with a reference recording." },
  } as const,
})
