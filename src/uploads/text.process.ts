// The process that decompresses and checks one text. Harmful content affects this process only.
import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { describeProblems, TrainingTextReader, type TrainingTextStatistics } from '../domain/training-text.ts'
import { answerTask } from '../sandbox/answer.ts'
import { unpackedLimit } from '../sandbox/reading-limits.ts'
import { TaskRefusal } from '../sandbox/task.ts'

export interface TextRequest {
  file: string
  /** The path for the decompressed text, if the file is compressed. */
  unpacked: string
  maxBytes: number
}

export interface JudgedText {
  figures: TrainingTextStatistics
  wasPacked: boolean
}

answerTask<TextRequest, JudgedText>(async ({ file, unpacked, maxBytes }, tell) => {
  const handle = await open(file)
  const { buffer } = await handle.read(Buffer.alloc(2), 0, 2)
  const { size: packedBytes } = await handle.stat()
  await handle.close()
  const wasPacked = buffer[0] === 0x1f && buffer[1] === 0x8b
  const limit = unpackedLimit(packedBytes, maxBytes)
  const reader = new TrainingTextReader()
  let size = 0
  const judged = async function* (pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      size += piece.length
      if (wasPacked && size > limit.bytes)
        throw limit.bytes === maxBytes
          ? new TaskRefusal('is too large', { isTooLarge: true })
          : new TaskRefusal(`unpacks to more than ${limit.words}, at line ${reader.figures.lines + 1}; send it unpacked`)
      tell.place(`line ${reader.figures.lines + 1}`)
      reader.write(piece)
      if (reader.isHopeless) break
      yield piece
    }
  }
  const nowhere = () => new Writable({ write: (_piece, _encoding, done) => done() })
  try {
    if (wasPacked) await pipeline(createReadStream(file), createGunzip(), judged, createWriteStream(unpacked, { flags: 'wx', flush: true }))
    else await pipeline(createReadStream(file), judged, nowhere())
  } catch (error) {
    const isDamage = (error as NodeJS.ErrnoException).code?.startsWith('Z_')
    throw isDamage ? new TaskRefusal('is damaged', { isDamaged: true }) : error
  }
  reader.end()
  const problems = describeProblems(reader)
  if (problems.length) throw new TaskRefusal(problems.join('; '), { problems })
  return { figures: reader.figures, wasPacked }
})
