import { builder } from './builder.ts'

export const DeploymentStatusEnum = builder.enumType('DeploymentStatus', {
  description: 'The status of a deployment. Later versions can add values: use `isTerminal` and `isServing` rather than a complete switch.',
  values: {
    QUEUED: { description: 'The deployment waits for a worker.' },
    PROVISIONING: { description: 'A worker provisions the deployment. `stage` and `progress` show the progress.' },
    COMPLETE: { description: 'The deployment is verified, and the endpoint answers requests.' },
    SUSPENDED: {
      description: 'A request suspended the deployment. The endpoint refuses requests until `resumeDeployment` has provisioned the deployment again.',
    },
    FAILED: { description: 'Provisioning failed. `failure` contains the reason.' },
    CANCELED: { description: 'A request canceled the deployment before completion.' },
    DELETING: { description: 'The deployment is deleted. Only changes have this status: a deployment that exists has another one.' },
  } as const,
})

export const StageEnum = builder.enumType('ProvisioningStage', {
  description: 'A stage of provisioning. The stages run in the order of the values.',
  values: {
    RESOLVING: { description: 'Looking up both models and checking their compatibility.' },
    FETCHING: { description: 'Fetching the model files and checking their SHA-256.' },
    BUILDING: { description: 'Compiling the language model.' },
    LOADING: { description: 'Loading both models into a recognizer.' },
    VERIFYING: { description: "Calling the endpoint's own URL with a reference recording." },
    EVALUATING: { description: 'Comparing transcripts with those of a test set. Only revisions with a gate have this stage.' },
  } as const,
})
