// Declares types that refer to each other. The file of each noun defines its types.

import type { DeploymentEventRow, DeploymentRow } from '../postgres/deployment-tables.ts'
import type { ModelEventRow, ModelRow } from '../postgres/tables.ts'
import type { Revision } from '../revisions/revision.ts'
import { builder } from './builder.ts'

export const Deployment = builder.objectRef<DeploymentRow>('Deployment')
export const DeploymentStatusChange = builder.objectRef<DeploymentEventRow>('DeploymentStatusChange')
export const RevisionType = builder.objectRef<Revision>('Revision')
export const Model = builder.interfaceRef<ModelRow>('Model')
export const AcousticModel = builder.objectRef<ModelRow>('AcousticModel')
export const LanguageModel = builder.objectRef<ModelRow>('LanguageModel')
export const ModelStatusChange = builder.objectRef<ModelEventRow>('ModelStatusChange')
