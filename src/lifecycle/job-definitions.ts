import { z } from 'zod'
import type { Job } from '../postgres/queue.ts'

const provisioning = z.object({ deploymentId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** The deployment to provision, its attempt, and the number of earlier failures of the attempt. */
export type ProvisioningPayload = z.infer<typeof provisioning>

/**
 * Provisions a deployment: from QUEUED to COMPLETE, or to FAILED with the reason. A failed try enqueues the next one.
 * The retries of the queue are for workers that stop or crash; `job-claims.ts` counts the crashes.
 */
export const provisionDeployment: Job<ProvisioningPayload> = {
  name: 'provision-deployment',
  payload: provisioning,
  key: ({ deploymentId, attempt, failedTries }) => `${deploymentId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

const revising = z.object({ revisionId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** The row of the revision to provision, its attempt, and the number of earlier failures of the attempt. */
export type RevisionPayload = z.infer<typeof revising>

const revise = {
  payload: revising,
  key: ({ revisionId, attempt, failedTries }: RevisionPayload) => `${revisionId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

/** Provisions a revision of a deployment while another revision serves. A queue of its own, which processes of older versions do not work. */
export const provisionRevision: Job<RevisionPayload> = { ...revise, name: 'provision-revision' }

/** The same for a revision with a gate, whose evaluations can take hours. Revisions without a gate do not wait for them. */
export const provisionGatedRevision: Job<RevisionPayload> = { ...revise, name: 'provision-gated-revision' }

export const jobOfRevision = ({ gate }: { gate: object | null }): Job<RevisionPayload> => (gate ? provisionGatedRevision : provisionRevision)

const building = z.object({ modelId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** The custom model to build, its attempt, and the number of earlier failures of the attempt. */
export type BuildingPayload = z.infer<typeof building>

const buildModel = {
  payload: building,
  key: ({ modelId, attempt, failedTries }: BuildingPayload) => `${modelId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

/** Trains a language model on its text, and evaluates it when the model has recordings. */
export const trainLanguageModel: Job<BuildingPayload> = { ...buildModel, name: 'train-language-model' }

/** Fetches the files of an acoustic model, checks them, and recognizes a recording with them. */
export const validateAcousticModel: Job<BuildingPayload> = { ...buildModel, name: 'validate-acoustic-model' }

const importing = z.object({ testSetId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** The test set to import, its attempt, and the number of earlier failures of the attempt. */
export type ImportingPayload = z.infer<typeof importing>

/** Reads an upload of recordings with transcripts, and stores the recordings of a test set, or names each invalid line. */
export const importTestSet: Job<ImportingPayload> = {
  name: 'import-test-set',
  payload: importing,
  key: ({ testSetId, attempt, failedTries }) => `${testSetId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

const evaluating = z.object({ evaluationId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** The evaluation to run, its attempt, and the number of earlier failures of the attempt. */
export type EvaluatingPayload = z.infer<typeof evaluating>

/** Recognizes a test set and counts the word errors. A run continues after the recordings of earlier runs. */
export const runEvaluation: Job<EvaluatingPayload> = {
  name: 'run-evaluation',
  payload: evaluating,
  key: ({ evaluationId, attempt, failedTries }) => `${evaluationId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

export const allJobs = [
  provisionDeployment,
  provisionRevision,
  provisionGatedRevision,
  trainLanguageModel,
  validateAcousticModel,
  importTestSet,
  runEvaluation,
] as const
