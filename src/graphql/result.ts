import { ExpectedError } from '../domain/errors.ts'
import { rememberedDays } from '../domain/idempotency.ts'
import type { DeploymentRow } from '../postgres/deployment-tables.ts'
import { builder } from './builder.ts'
import { Deployment } from './refs.ts'

type ErrorClass = abstract new (...args: never[]) => ExpectedError

/** The union of a mutation's success and its expected errors, named after the success. */
export function resultUnion(name: string, description: string, success: object, errors: readonly ErrorClass[]) {
  return builder.unionType(`${name}Result`, {
    description,
    types: [success, ...errors] as never,
    resolveType: (result) => ((result as object) instanceof ExpectedError ? (result as object).constructor.name : `${name}Success`) as never,
  })
}

/** Wraps the domain's result under the field's name. An error stays unchanged. */
export const asResult =
  <Name extends string>(name: Name) =>
  <T extends object>(answer: T | ExpectedError) =>
    (answer instanceof ExpectedError ? answer : { [name]: answer }) as never

/** A success with a deployment. */
export const withDeployment = (name: string, description: string, field: string) =>
  builder
    .objectRef<{ deployment: DeploymentRow }>(name)
    .implement({ description, fields: (t) => ({ deployment: t.expose('deployment', { type: Deployment, description: field }) }) })

/** The description of an idempotency key argument. */
export const describeIdempotencyKey = (what: string, more = '') =>
  `The idempotency key: 1 to 200 printable ASCII characters without spaces, such as a UUID. A repeated request with the same key and the same input returns the ${what} that the first request created. The server refuses a request with the same key and another input. The key remains in effect as long as the ${what} exists, and for ${rememberedDays} days after the deletion. During these days the server refuses the request and creates no second ${what}.${more}`
