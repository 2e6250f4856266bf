import { stat } from 'node:fs/promises'
import { totalmem } from 'node:os'
import type { Config } from '../config.ts'
import type { TaskLimits } from '../sandbox/task.ts'

const megabyte = 2 ** 20
/** Node reserves writable memory that it never touches; a limit on it counts that as well. */
const runtimeMb = 700
/** A session, its copy while it is optimized, and what decoding half a minute of speech takes. */
const modelBytesPerFileByte = 6
const workingMb = 300
/** No single process takes more of the machine. */
const maxShare = 0.6

/** What one process can have on this machine, in megabytes: of its control group, where it has one. */
function bearableMb(): number {
  const bytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
  return Math.floor((bytes * maxShare) / megabyte)
}

/** The hard limit of the detector: two minutes of each stream's audio at most, and a model of 2 MB. */
export const detectorLimitMb = runtimeMb + 2_000

/** The hard limit of a recognizer, which holds several models: twice its budget. */
export const workerLimitMb = ({ workers, memoryMb }: Pick<Config['recognition'], 'workers' | 'memoryMb'>): number =>
  Math.min(bearableMb(), runtimeMb + workingMb + Math.ceil((2 * memoryMb) / workers))

/** The hard limit of a process that opens these model files, and never more than a recognizer has. */
export async function modelLimitMb(files: readonly string[], recognition: Config['recognition']): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  return Math.min(workerLimitMb(recognition), runtimeMb + workingMb + Math.ceil((modelBytesPerFileByte * bytes) / megabyte))
}

/** What learning a text may take: its n-grams take a multiple of its memory, and each megabyte about a second. */
export const trainingLimits = (textBytes: number): TaskLimits => {
  const megabytes = Math.ceil(textBytes / megabyte)
  return { memoryMb: Math.min(bearableMb(), runtimeMb + 1_000 + 20 * megabytes), cpuSeconds: 120 + 5 * megabytes, seconds: 1_200 + 50 * megabytes }
}
