import { stat } from 'node:fs/promises'
import { totalmem } from 'node:os'
import type { Config } from '../config.ts'
import type { TaskLimits } from '../sandbox/task.ts'

const megabyte = 2 ** 20
/** The writable memory that Node reserves, used or not. */
const runtimeMb = 700
/** The memory of a session, of its copy during optimization, and of decoding half a minute of speech. */
const modelBytesPerFileByte = 6
const workingMb = 300
/** The largest share of the machine's memory for one process. */
const maxShare = 0.6

/** The most memory of one process, in megabytes, of the machine or its control group. */
function maxProcessMb(): number {
  const bytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
  return Math.floor((bytes * maxShare) / megabyte)
}

/** The hard limit of the detector, which holds at most two minutes of audio for each stream and a model of 2 MB. */
export const detectorLimitMb = runtimeMb + 2_000

/** The hard limit of a recognizer, which holds several models: twice its budget. */
export const workerLimitMb = ({ workers, memoryMb }: Pick<Config['recognition'], 'workers' | 'memoryMb'>): number =>
  Math.min(maxProcessMb(), runtimeMb + workingMb + Math.ceil((2 * memoryMb) / workers))

/** The hard limit of a process that opens these model files, at most that of a recognizer. */
export async function modelLimitMb(files: readonly string[], recognition: Config['recognition']): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  return Math.min(workerLimitMb(recognition), runtimeMb + workingMb + Math.ceil((modelBytesPerFileByte * bytes) / megabyte))
}

/** The limits for learning a text: its n-grams take a multiple of its size, and each megabyte takes about a second. */
export const trainingLimits = (textBytes: number): TaskLimits => {
  const megabytes = Math.ceil(textBytes / megabyte)
  return { memoryMb: Math.min(maxProcessMb(), runtimeMb + 1_000 + 20 * megabytes), cpuSeconds: 120 + 5 * megabytes, seconds: 1_200 + 50 * megabytes }
}
