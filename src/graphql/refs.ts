// Types that refer to each other are declared here and defined in their own files.
import type { DeploymentEventRow, DeploymentRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'

export const Deployment = builder.objectRef<DeploymentRow>('Deployment')
export const DeploymentStatusChange = builder.objectRef<DeploymentEventRow>('DeploymentStatusChange')
