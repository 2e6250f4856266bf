// Admission control with requests of named owners.
import { AdmissionControl, type StreamSlot } from '../../src/recognition/admission-control.ts'
import type { StreamRequest, WaitOptions } from '../../src/recognition/recognizer-stream.ts'

export const patient: WaitOptions = { waitMs: 10_000 }
/** The workspace's name, and behind a slash its deployment's. */
export const requestOf = (owner: string, alternatives = 1) => ({
  workspaceId: owner.split('/')[0] as string,
  deploymentId: owner.split('/')[1] ?? 'd',
  alternatives,
  phrases: [],
  model: { encoder: 'tiny' } as StreamRequest['model'],
})

/** Fills one worker with as many streams as it has room for: 8 at the guessed cost. */
export async function fill(admission: AdmissionControl, deploymentId: string): Promise<StreamSlot[]> {
  const slots: StreamSlot[] = []
  for (;;) {
    const slot = await admission.admit(requestOf(deploymentId)).catch(() => undefined)
    if (!slot) return slots
    slots.push(slot)
  }
}

export function openAdmission(workers = 1) {
  const admission = new AdmissionControl(workers)
  const order: string[] = []
  const slots: StreamSlot[] = []
  return {
    admission,
    order,
    slots,
    /** Asks, and notes the name when there is a slot. */
    ask: (name: string, deploymentId: string, waiting: WaitOptions = patient) =>
      admission.admit(requestOf(deploymentId), waiting).then((slot) => {
        order.push(name)
        slots.push(slot)
      }),
    settled: () => new Promise((done) => setImmediate(done)),
  }
}
