import type { DeploymentRow } from '../postgres/deployment-tables.ts'
import { builder } from './builder.ts'
import { Deployment } from './refs.ts'

/** A success with a deployment. */
export const withDeployment = (name: string, description: string, field: string) =>
  builder
    .objectRef<{ deployment: DeploymentRow }>(name)
    .implement({ description, fields: (t) => ({ deployment: t.expose('deployment', { type: Deployment, description: field }) }) })
