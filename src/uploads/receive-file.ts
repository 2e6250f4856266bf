import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { Pace } from '../capacity/pace.ts'
import type { DiskQuotaExceededError } from '../domain/errors.ts'
import type { TrainingTextStatistics } from '../domain/training-text.ts'
import { ProblemError } from '../http/problem.ts'
import type { UploadKind } from '../postgres/tables.ts'
import { damaged, diskFull, tooLarge } from './refusals.ts'
import { judgeText } from './text.ts'

/** The longest pause of a client. */
const idleMs = 30_000
/** The minimum rate while other uploads wait for a slot. 200 MB take more than three hours at this rate. */
const minBytesPerSecond = 16_000

interface ReceiveOptions {
  kind: UploadKind
  maxBytes: number
  /** The error if a file of this size exceeds the workspace's disk quota. */
  checkQuota: (bytes: number) => DiskQuotaExceededError | undefined
  /** True while other uploads wait for a slot. */
  isContested(): boolean
}

/** Streams a body to a file and checks it: a text line by line, archives by their first bytes. */
export async function receiveFile(
  request: IncomingMessage,
  path: string,
  { kind, maxBytes, checkQuota, isContested }: ReceiveOptions,
): Promise<TrainingTextStatistics | undefined> {
  const checked = async function* (pieces: AsyncIterable<Buffer>) {
    let size = 0
    for await (const piece of pieces) {
      if (size === 0) checkBeginning(kind, piece)
      size += piece.length
      checkSize(size, { maxBytes, checkQuota })
      yield piece
    }
    if (size === 0) throw new ProblemError(400, 'EMPTY_UPLOAD', 'The body is empty. Send the file as the body, for example with curl -T file.')
  }
  try {
    await pipeline(readBody(request, isContested), checked, createWriteStream(path, { flags: 'wx', flush: true }))
    return kind === 'TEXT' ? await judgeText(path, maxBytes) : undefined
  } catch (error) {
    throw toProblem(error)
  }
}

/** The chunks of the body. The connection stays open for the response. */
async function* readBody(request: IncomingMessage, isContested: () => boolean): AsyncGenerator<Buffer, void> {
  const pieces = request.iterator({ destroyOnReturn: false })
  const pace = new Pace(minBytesPerSecond)
  // Only the time of waiting for the sender counts, not that of the disk.
  let waitedBefore = 0
  while (true) {
    const began = performance.now()
    const waited = () => performance.now() - began
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setInterval(() => {
      if (waited() > idleMs) reject(tooSlow(`The client sent nothing for ${idleMs / 1000} s.`))
      if (isContested() && pace.isSlow(waitedBefore + waited()))
        reject(tooSlow(`The client sent less than ${minBytesPerSecond / 1000} kB/s while other uploads waited.`))
    }, 1_000)
    const next = await Promise.race([pieces.next(), late]).finally(() => clearInterval(timer))
    if (next.done) return
    waitedBefore += waited()
    const piece = next.value as Buffer
    pace.add(piece.length, waitedBefore)
    yield piece
  }
}

const tooSlow = (reason: string) =>
  new ProblemError(408, 'UPLOAD_TOO_SLOW', `${reason} Send it again from its beginning.`, { headers: { 'retry-after': '10' } })

function checkBeginning(kind: UploadKind, piece: Buffer) {
  const isZip = piece.toString('latin1', 0, 2) === 'PK'
  const isPacked = piece[0] === 0x1f && piece[1] === 0x8b
  if (kind === 'RECORDINGS' && !isZip)
    throw new ProblemError(415, 'NOT_A_ZIP', 'The file is not a zip. Send recordings as a zip of WAV files and one .tsv file with their names and transcripts.')
  if (kind === 'ACOUSTIC_MODEL' && !isPacked)
    throw new ProblemError(
      415,
      'NOT_A_TGZ',
      'The file is not a .tar.gz. Send an acoustic model as a .tar.gz with encoder_model.onnx and decoder_model_merged.onnx.',
    )
}

/** Throws for a file of so many bytes that exceeds a limit. */
export function checkSize(bytes: number, { maxBytes, checkQuota }: Pick<ReceiveOptions, 'maxBytes' | 'checkQuota'>): void {
  if (bytes > maxBytes) throw tooLarge(maxBytes)
  const full = checkQuota(bytes)
  if (full) throw diskFull(full)
}

function toProblem(error: unknown): unknown {
  if (error instanceof ProblemError) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ERR_STREAM_PREMATURE_CLOSE') return damaged()
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new ProblemError(507, 'DISK_FULL', "The server's disk is full. Have space freed in DATA_DIR, then try again.")
  return error
}
