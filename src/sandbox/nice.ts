import { constants, setPriority } from 'node:os'

/** Jobs and models that are not proven: beside busy processes of the usual priority, about a quarter of a core. */
export const jobNice = 5
/** What is left of the processor when nothing else wants it. */
export const minPriority = constants.priority.PRIORITY_LOW

/** Gives a process a lower priority of the processor: 1 to 19, the higher the lower. */
export function setNice(pid: number | undefined, nice: number): void {
  try {
    if (pid !== undefined) setPriority(pid, nice)
  } catch {
    // It has ended meanwhile.
  }
}
