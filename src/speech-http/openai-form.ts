import type { IncomingMessage } from 'node:http'
import { Busboy } from '@fastify/busboy'
import { ProblemError } from '../http/problem.ts'
import { unpackContent } from './content-encoding.ts'
import { readChunks } from './read-body.ts'
import { maxFileBytes } from './recording-limits.ts'

/** A form with one file, in the format of OpenAI's API. */
export interface Form {
  /** Values by name; a list has several. `name`, `name[]` and `name[0]` are one name, and empty fields are left out. */
  fields: Map<string, string[]>
  file: Buffer
  /** The number of further files, which are ignored. */
  otherFiles: number
}

/** The first value of a field that was sent and is not empty. */
export const firstField = ({ fields }: Form, name: string): string | undefined => fields.get(name)?.[0]

/** All parts of a form, decoded. */
const maxFormBytes = 2 * maxFileBytes
/** All forms that are in memory at once. A form is kept whole because the file can come before the fields. */
const maxHeldBytes = 200 * 2 ** 20
const maxWorkspaceBytes = maxHeldBytes / 2
let held = 0
const heldBy = new Map<string, number>()

/** Reads the whole form and passes it to `use`. The form's memory counts toward the limits until `use` has ended. */
export async function withForm(request: IncomingMessage, workspaceId: string, gone: AbortSignal, use: (form: Form) => Promise<void>): Promise<void> {
  let bytes = 0
  const take = (more: number) => {
    bytes += more
    held += more
    const share = (heldBy.get(workspaceId) ?? 0) + more
    if (share) heldBy.set(workspaceId, share)
    else heldBy.delete(workspaceId)
    return held <= maxHeldBytes && share <= maxWorkspaceBytes
  }
  try {
    await use(await readForm(request, gone, take))
  } finally {
    take(-bytes)
  }
}

async function readForm(request: IncomingMessage, gone: AbortSignal, take: (bytes: number) => boolean): Promise<Form> {
  const type = request.headers['content-type'] ?? ''
  if (!/^multipart\/form-data\s*;/i.test(type)) throw malformed('Send multipart/form-data with the fields "model" and "file".')
  const fields: Form['fields'] = new Map()
  const file: Buffer[] = []
  let problem: ProblemError | undefined
  const parser = open(type)
  const finished = new Promise<void>((done, failed) => {
    parser.on('finish', done)
    parser.on('error', () => failed(malformed('The form is incomplete or has a malformed part. Send it again.')))
  })
  finished.catch(() => {})
  const refuseSize = () => {
    problem ??= malformed('The form has more than 50 fields or 10 files, or a field of more than 64 kB. Send less.')
  }
  for (const limit of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) parser.on(limit, refuseSize)
  parser.on('field', (given, value, _, isCut) => {
    const name = listName(given)
    // Voice samples are ignored and can be larger.
    if (isCut && name !== 'known_speaker_references') refuseSize()
    // Some clients send a missing value as the text "null" or "undefined".
    if (value.trim() && (name === 'prompt' || !/^\s*(null|undefined)\s*$/.test(value))) fields.set(name, [...(fields.get(name) ?? []), value])
  })
  let files = 0
  let hasFile = false
  parser.on('file', (name, stream) => {
    const isWanted = isRecording(name) && !hasFile
    hasFile ||= isWanted
    files++
    stream.on('data', (chunk: Buffer) => {
      if (!isWanted || problem) return
      if (!take(chunk.length))
        problem = new ProblemError(429, 'TOO_MANY_REQUESTS', 'Too many recordings are being sent at once. Try again in a moment.', {
          headers: { 'retry-after': '1' },
        })
      file.push(chunk)
    })
    stream.on('limit', () => {
      if (isWanted) problem = new ProblemError(413, 'FILE_TOO_LARGE', `The file is larger than ${maxFileBytes / 2 ** 20} MB. Send it in parts.`)
    })
    stream.on('error', () => {})
  })
  const chunks = readChunks(request, { idleMs: 10_000, wholeMs: 100_000 }, gone)
  let received = 0
  for await (const chunk of unpackContent(chunks, request.headers['content-encoding'])) {
    received += chunk.length
    if (received > maxFormBytes)
      throw new ProblemError(413, 'FILE_TOO_LARGE', `The form is larger than ${maxFormBytes / 2 ** 20} MB. Send the recording in parts.`)
    if (!parser.write(chunk)) await Promise.race([new Promise((drained) => parser.once('drain', drained)), finished])
    if (problem) throw problem
  }
  parser.end()
  await finished
  if (problem) throw problem
  if (!file.length) throw malformed('The form has no file. Send the recording as the field "file".')
  return { fields, file: Buffer.concat(file), otherFiles: files - 1 }
}

function open(type: string) {
  try {
    return new Busboy({
      headers: { 'content-type': type },
      limits: { files: 10, fileSize: maxFileBytes, fields: 50, fieldSize: 64 * 1024, parts: 60 },
      // Some clients send the file without a file name, and some send fields as application/octet-stream.
      isPartAFile: (name, _, filename) => filename !== undefined || isRecording(name ?? ''),
    })
  } catch {
    throw malformed('The header Content-Type has no valid boundary. Send multipart/form-data with a boundary.')
  }
}

const listName = (name: string) => name.replace(/\[\d*\]$/, '')
const isRecording = (name: string) => listName(name) === 'file'
const malformed = (message: string) => new ProblemError(400, 'INVALID_FORM', message)
