// Labels for the API's enums. Unknown values of a later server are made readable.
import type {
  DeploymentRowFragment,
  EvaluationEntryFragment,
  KeyScope,
  ModelEntryFragment,
  ProvisioningStage,
  RevisionRowFragment,
  TestSetEntryFragment,
} from '../gql/graphql.ts'

export type Status = DeploymentRowFragment['status']
export type ModelStatus = ModelEntryFragment['status']
export type RevisionStatus = RevisionRowFragment['status']
export type JobStatus = EvaluationEntryFragment['status'] | TestSetEntryFragment['status']

const readable = (value: string) => value.charAt(0) + value.slice(1).toLowerCase().replaceAll('_', ' ')

const names: Record<string, string> = {
  RESOLVING: 'Checking the models',
  FETCHING: 'Fetching model files',
  BUILDING: 'Building the language model',
  LOADING: 'Loading into a recognizer',
  VERIFYING: 'Testing the endpoint',
  CHECKING: 'Comparing with the base model',
  TRAINING: 'Training on the text',
  EVALUATING: 'Evaluating on the recordings',
  CONVERSATIONAL: 'Conversational',
  SEARCH_AND_DICTATION: 'Search and Dictation',
  INTERACTIVE: 'Interactive',
  CONVERSATION: 'Conversation',
  DICTATION: 'Dictation',
}

/** Separate from `toWord`, because stages and statuses share names. */
export const toStatusWord = (status: Status | ModelStatus | RevisionStatus | JobStatus): string => readable(status)

export const toWord = (value: string): string => names[value] ?? readable(value)

export const stages: readonly ProvisioningStage[] = ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING']

export const scopeUse: Partial<Record<KeyScope, string>> = {
  MANAGE: 'Read and change everything in the workspace',
  READ: 'Read everything in the workspace',
  RECOGNIZE: 'Send audio to endpoints',
}

export const inProgress: Status[] = ['QUEUED', 'PROVISIONING']
export const isInWork = (status: RevisionStatus) => status === 'QUEUED' || status === 'PROVISIONING'
export const mayCancel = (status: Status) => inProgress.includes(status)
export const mayCancelModel = (status: ModelStatus) => status === 'QUEUED' || status === 'BUILDING'
export const maySuspend = (status: Status) => status === 'COMPLETE'
export const mayResume = (status: Status) => status === 'SUSPENDED'
export const mayRetry = (status: Status | ModelStatus) => status === 'FAILED' || status === 'CANCELED'

/** The audio formats that endpoints accept over HTTP. */
export const audioFormats = 'WAV, MP3, M4A, FLAC, Ogg, WebM and others'
