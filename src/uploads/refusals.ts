import type { DiskQuotaExceededError } from '../domain/errors.ts'
import { ProblemError } from '../http/problem.ts'

export const tooLarge = (maxBytes: number) =>
  new ProblemError(413, 'UPLOAD_TOO_LARGE', `The file has more than ${maxBytes / 1e6} MB, unpacked. Send less, or let MAX_UPLOAD_MB be raised.`)

export const damaged = () => new ProblemError(400, 'UPLOAD_DAMAGED', 'The file did not come whole, or is damaged. Send it again from its beginning.')

/** The status is not 507 or 429, at which clients repeat a request: the workspace has to delete something first. */
export const diskFull = ({ code, message, usedBytes, limitBytes, unusedUploadBytes }: DiskQuotaExceededError) =>
  new ProblemError(413, code, message, { members: { usedBytes, limitBytes, unusedUploadBytes } })
