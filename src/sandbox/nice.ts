import { constants, setPriority } from 'node:os'

/** The priority of jobs and unproven models: about a quarter of a core beside busy processes of the usual priority. */
export const jobNice = 5
/** The priority of processes that run only when the processor is otherwise idle. */
export const minPriority = constants.priority.PRIORITY_LOW

/** Lowers the priority of a process: 1 to 19, of which 19 is the lowest. */
export function setNice(pid: number | undefined, nice: number): void {
  try {
    if (pid !== undefined) setPriority(pid, nice)
  } catch {
    // The process has ended.
  }
}
