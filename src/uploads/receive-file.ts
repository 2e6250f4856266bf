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

/** A client that sends nothing for this long has gone. */
const idleMs = 30_000
/** While others wait for a place, at least so much comes in each second: 200 MB would take more than three hours. */
const minBytesPerSecond = 16_000

interface Received {
  kind: UploadKind
  maxBytes: number
  /** Why the workspace cannot keep so many bytes, if it cannot. */
  checkRoom: (bytes: number) => DiskQuotaExceededError | undefined
  /** Whether other uploads wait for a slot. */
  isContested(): boolean
}

/** Streams a body to a file, then judges it: a text line by line, archives by their first bytes. */
export async function receiveFile(
  request: IncomingMessage,
  path: string,
  { kind, maxBytes, checkRoom, isContested }: Received,
): Promise<TrainingTextStatistics | undefined> {
  const checked = async function* (pieces: AsyncIterable<Buffer>) {
    let size = 0
    for await (const piece of pieces) {
      if (size === 0) checkBeginning(kind, piece)
      size += piece.length
      checkSize(size, { maxBytes, checkRoom })
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

/** The body's pieces; the connection stays open for the answer, whatever becomes of them. */
async function* readBody(request: IncomingMessage, isContested: () => boolean): AsyncGenerator<Buffer, void> {
  const pieces = request.iterator({ destroyOnReturn: false })
  const pace = new Pace(minBytesPerSecond)
  // The time that the disk takes is not the sender's: only waiting counts.
  let waitedBefore = 0
  while (true) {
    const began = performance.now()
    const waited = () => performance.now() - began
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setInterval(() => {
      if (waited() > idleMs) reject(tooSlow(`Nothing came for ${idleMs / 1000} s.`))
      if (isContested() && pace.isSlow(waitedBefore + waited())) reject(tooSlow(`Less than ${minBytesPerSecond / 1000} kB a second came, and others wait.`))
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
    throw new ProblemError(415, 'NOT_A_ZIP', 'Recordings come as a zip of WAV files and one .tsv file with their names and transcripts.')
  if (kind === 'ACOUSTIC_MODEL' && !isPacked)
    throw new ProblemError(415, 'NOT_A_TGZ', 'An acoustic model comes as a .tar.gz with encoder_model.onnx and decoder_model_merged.onnx.')
}

/** Refuses a file of which so many bytes are known to come, or have come. */
export function checkSize(bytes: number, { maxBytes, checkRoom }: Pick<Received, 'maxBytes' | 'checkRoom'>): void {
  if (bytes > maxBytes) throw tooLarge(maxBytes)
  const full = checkRoom(bytes)
  if (full) throw diskFull(full)
}

function toProblem(error: unknown): unknown {
  if (error instanceof ProblemError) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ERR_STREAM_PREMATURE_CLOSE') return damaged()
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new ProblemError(507, 'DISK_FULL', "The server's disk is full. Let some space in DATA_DIR be freed, then try again.")
  return error
}
