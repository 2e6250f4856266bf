/**
 * Why provisioning cannot go on. A passing failure is tried again, a lasting one ends the deployment
 * at once; either way code and message are written for whoever made the deployment.
 */
export class ProvisioningFailure extends Error {
  readonly code: string
  readonly isLasting: boolean
  constructor(code: string, message: string, options: { isLasting: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.isLasting = options.isLasting
  }
}
