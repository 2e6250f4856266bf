// The capacity that provisioning does not share with clients.
import { describe, expect, test } from 'vitest'
import type { StreamSlot } from '../../src/recognition/admission-control.ts'
import { RecognizersBusyError } from '../../src/recognition/recognizer-errors.ts'
import { ReservedCapacity } from '../../src/recognition/reserved-capacity.ts'
import { patient, requestOf } from './admission.ts'

describe('the capacity for provisioning', () => {
  test('provisioning has one slot for each worker, and the next free one goes to the workspace with the fewest', async () => {
    const reserved = new ReservedCapacity(2)
    const order: string[] = []
    const [one, two] = [await reserved.admit(requestOf('a'), patient), await reserved.admit(requestOf('a'), patient)]
    const slots: StreamSlot[] = []
    for (const name of ['a1', 'a2', 'b1'])
      void reserved.admit(requestOf(name[0] as string), patient).then((slot) => {
        order.push(name)
        slots.push(slot)
      })
    const settled = () => new Promise((done) => setImmediate(done))
    await settled()
    expect([order, reserved.taken]).toEqual([[], 2])
    one.leave()
    one.leave()
    two.leave()
    await settled()
    expect([order, reserved.taken]).toEqual([['b1', 'a1'], 2])
    slots[0]?.leave()
    await settled()
    expect(order).toEqual(['b1', 'a1', 'a2'])
    for (const slot of slots) slot.leave()
    expect(reserved.taken).toBe(0)
  })

  test('a request for reserved capacity is refused at its timeout, when its caller leaves and when the recognizers close', async () => {
    const reserved = new ReservedCapacity(1)
    const slot = await reserved.admit(requestOf('a'), patient)
    const leaving = new AbortController()
    const left = reserved.admit(requestOf('b'), { waitMs: 10_000, signal: leaving.signal })
    const late = reserved.admit(requestOf('b'), { waitMs: 20 })
    const waiting = reserved.admit(requestOf('b'), patient)
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await expect(late).rejects.toThrow(RecognizersBusyError)
    reserved.close(new Error('closing'))
    await expect(waiting).rejects.toThrow('closing')
    slot.leave()
    expect(reserved.taken).toBe(0)
  })

  test('a stream that lost its reserved slot to a crash gets it back at once', async () => {
    const reserved = new ReservedCapacity(1)
    await reserved.admit(requestOf('a'), patient)
    await expect(reserved.admit(requestOf('a'), { waitMs: 0, isResumed: true })).resolves.toBeDefined()
  })
})
