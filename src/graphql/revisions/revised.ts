import type { ExpectedError } from '../../domain/errors.ts'
import type { Revised } from '../../revisions/redeployment.ts'
import { builder } from '../builder.ts'
import { Deployment, RevisionType } from '../refs.ts'

export const CanaryInput = builder.inputType('CanaryInput', {
  description: 'The canary of a pending revision.',
  fields: (t) => ({
    percent: t.int({ required: true, description: 'The percentage of clients whose new sessions the proved revision serves, from 0 to 100.' }),
  }),
})

export const ShadowInput = builder.inputType('ShadowInput', {
  description: 'The shadow of a pending revision.',
  fields: (t) => ({
    percent: t.int({ required: true, description: 'The percentage of recordings that the proved revision recognizes as well, from 0 to 100.' }),
  }),
})

/** A success with a deployment and one of its revisions. */
export const withRevision = (name: string, description: string, revision: string) =>
  builder.objectRef<Revised>(name).implement({
    description,
    fields: (t) => ({
      deployment: t.expose('deployment', { type: Deployment, description: 'The deployment after the change.' }),
      revision: t.expose('revision', { type: RevisionType, description: revision }),
    }),
  })

/** The domain's result is the success or the error itself. */
export const asRevised = (result: Revised | ExpectedError) => result as never
