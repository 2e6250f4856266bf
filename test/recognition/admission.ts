// Admission control with requests of named owners.
import { AdmissionControl, type StreamSlot } from '../../src/recognition/admission-control.ts'
import type { StreamRequest, WaitOptions } from '../../src/recognition/recognizer-stream.ts'

export const patient: WaitOptions = { waitMs: 10_000 }
/** `owner` is the name of a workspace, optionally with a slash and the name of a deployment. */
export const requestOf = (owner: string, alternatives = 1) => ({
  workspaceId: owner.split('/')[0] as string,
  deploymentId: owner.split('/')[1] ?? 'd',
  alternatives,
  phrases: [],
  model: { encoder: 'tiny' } as StreamRequest['model'],
})

/** Opens streams until the capacity is in use: 8 for one worker at the estimated cost. */
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
    /** Requests a slot and records the name when it is granted. */
    ask: (name: string, deploymentId: string, waiting: WaitOptions = patient) =>
      admission.admit(requestOf(deploymentId), waiting).then((slot) => {
        order.push(name)
        slots.push(slot)
      }),
    settled: () => new Promise((done) => setImmediate(done)),
  }
}
