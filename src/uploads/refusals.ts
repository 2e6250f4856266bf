import type { DiskQuotaExceededError } from '../domain/errors.ts'
import { ProblemError } from '../http/problem.ts'

export const tooLarge = (maxBytes: number) =>
  new ProblemError(413, 'UPLOAD_TOO_LARGE', `The decompressed file is larger than ${maxBytes / 1e6} MB. Send a smaller file, or have MAX_UPLOAD_MB raised.`)

export const damaged = () => new ProblemError(400, 'UPLOAD_DAMAGED', 'The file is incomplete or damaged. Send it again from its beginning.')

/** The status is not 507 or 429, at which clients repeat a request: the workspace has to delete something first. */
export const diskFull = ({ code, message, usedBytes, limitBytes, unusedUploadBytes }: DiskQuotaExceededError) =>
  new ProblemError(413, code, message, { members: { usedBytes, limitBytes, unusedUploadBytes } })
