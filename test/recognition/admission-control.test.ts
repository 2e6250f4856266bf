// Who is let in to the recognizers, and in which order those who found no room are.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { AdmissionControl, type StreamSlot } from '../../src/recognition/admission-control.ts'
import { RecognizersBusyError } from '../../src/recognition/recognizer-errors.ts'
import type { StreamRequest, WaitOptions } from '../../src/recognition/recognizer-stream.ts'
import { ReservedCapacity } from '../../src/recognition/reserved-capacity.ts'

const patient: WaitOptions = { waitMs: 10_000 }
/** The workspace's name, and behind a slash its deployment's. */
const requestOf = (owner: string, alternatives = 1) => ({
  workspaceId: owner.split('/')[0] as string,
  deploymentId: owner.split('/')[1] ?? 'd',
  alternatives,
  phrases: [],
  model: { encoder: 'tiny' } as StreamRequest['model'],
})

/** Fills one worker with as many streams as it has room for: 8 at the guessed cost. */
async function fill(admission: AdmissionControl, deploymentId: string): Promise<StreamSlot[]> {
  const slots: StreamSlot[] = []
  for (;;) {
    const slot = await admission.admit(requestOf(deploymentId)).catch(() => undefined)
    if (!slot) return slots
    slots.push(slot)
  }
}

function openAdmission(workers = 1) {
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

describe('whoever finds no room', () => {
  test('is refused at once without patience, and in words', async () => {
    const { admission } = openAdmission()
    expect(await fill(admission, 'a')).toHaveLength(8)
    await expect(admission.admit(requestOf('a'))).rejects.toThrow('All 8 slots for speech are taken. Try again in a moment.')
  })

  test('gets the next slot that is left', async () => {
    const { admission, ask, order, settled } = openAdmission()
    const [first, second] = await fill(admission, 'a')
    void ask('one', 'a')
    void ask('two', 'a')
    expect(admission.usage()).toMatchObject({ streams: 8, streamsWaiting: 2 })
    first?.leave()
    await settled()
    expect(order).toEqual(['one'])
    second?.leave()
    await settled()
    expect(order).toEqual(['one', 'two'])
    expect(admission.usage()).toMatchObject({ streams: 8, streamsWaiting: 0 })
  })

  test('is not overtaken by those who come later, whatever less they need', async () => {
    const { admission, ask, order, settled } = openAdmission()
    const taken = await fill(admission, 'a')
    const beam = admission.admit(requestOf('a', 5), patient).then((slot) => {
      order.push('beam')
      return slot
    })
    void ask('small', 'a')
    taken[0]?.leave()
    taken[1]?.leave()
    await settled()
    expect(order).toEqual([])
    taken[2]?.leave()
    await settled()
    expect(order).toEqual(['beam'])
    const slot = await beam
    slot.leave()
    await settled()
    expect(order).toEqual(['beam', 'small'])
  })

  test('has their turn after one of each other workspace', async () => {
    const { admission, ask, order, settled } = openAdmission(2)
    const taken = await fill(admission, 'full')
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) void ask(name, name[0] as string)
    // Whoever has none gets one, though all is taken.
    await settled()
    expect(order).toEqual(['a1', 'b1', 'c1'])
    for (const slot of taken) {
      slot.leave()
      await settled()
    }
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  })

  test('lets those go first that lost their slots by a crash, though they cost more by now', async () => {
    const { admission, ask, order, settled } = openAdmission()
    const taken = await fill(admission, 'a')
    void ask('new', 'a')
    for (let n = 0; n < 20; n++) taken[0]?.measured(2000, 400)
    // The crash frees the slots, and in the same breath the streams ask again.
    for (const slot of taken) slot.leave()
    for (let n = 0; n < taken.length; n++) void ask('resumed', 'a', { ...patient, isResumed: true })
    await settled()
    expect(order).toEqual(Array(8).fill('resumed'))
    expect(admission.usage()).toMatchObject({ streams: 8, streamsWaiting: 1 })
  })

  test('does not keep others waiting when there could never be room beside them', async () => {
    const { admission, ask, order, settled } = openAdmission()
    const slot = await admission.admit(requestOf('a', 5))
    for (let n = 0; n < 100; n++) slot.measured(2000, 3000)
    slot.leave()
    await settled()
    const cheap = await admission.admit(requestOf('a'))
    const huge = admission.admit(requestOf('a', 5), patient).then(() => order.push('huge'))
    void ask('small', 'b')
    await settled()
    expect(order).toEqual(['small'])
    cheap.leave()
    await huge
    expect(order).toEqual(['small', 'huge'])
  })

  test('is refused when their patience ends, or leaves, and then is not counted', async () => {
    const { admission, ask } = openAdmission()
    await fill(admission, 'a')
    const leaving = new AbortController()
    const left = ask('left', 'a', { waitMs: 10_000, signal: leaving.signal })
    const late = ask('late', 'a', { waitMs: 50 })
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await expect(late).rejects.toThrow(RecognizersBusyError)
    expect(admission.usage().streamsWaiting).toBe(0)
  })

  test('is refused at once where enough wait already, and told how many', async () => {
    const { admission, ask } = openAdmission()
    await fill(admission, 'a')
    const waiting = Array.from({ length: 8 }, (_, n) => ask(String(n), 'a'))
    await expect(ask('one too many', 'a')).rejects.toThrow('All 8 slots for speech are taken, and 8 more wait for one.')
    admission.close(new Error('closing'))
    for (const one of waiting) await expect(one).rejects.toThrow('closing')
  })

  test('is not kept out of the line by another workspace that fills it', async () => {
    const { admission, ask, order, settled } = openAdmission()
    const taken = await fill(admission, 'a')
    await ask('first of b', 'b')
    const greedy = Array.from({ length: 8 }, (_, n) => ask(`a${n}`, 'a').catch((error) => error))
    void ask('second of b', 'b').catch(() => {})
    expect(await greedy.at(-1)).toBeInstanceOf(RecognizersBusyError)
    expect(admission.usage().streamsWaiting).toBe(8)
    for (const slot of taken.slice(0, 3)) slot.leave()
    await settled()
    expect(order).toContain('second of b')
    admission.close(new Error('closing'))
  })
})

describe('a workspace with many deployments', () => {
  test('has no more turns than one with a single deployment, and its deployments take turns in its own', async () => {
    const { admission, ask, order, settled } = openAdmission()
    const taken = await fill(admission, 'full')
    for (const name of ['b/1', 'a/1', 'a/2', 'a/3', 'b/1']) void ask(name, name)
    await settled()
    for (const slot of taken) {
      slot.leave()
      await settled()
    }
    expect(order).toEqual(['b/1', 'a/1', 'b/1', 'a/2', 'a/3'])
  })

  test('waits for others as soon as it has its share, whichever of its deployments asks', async () => {
    const { admission, ask, order, settled } = openAdmission(2)
    const taken: StreamSlot[] = []
    for (let n = 0; n < 16; n++) taken.push(await admission.admit(requestOf(`a/${n}`), patient))
    for (const n of [1, 2, 3]) void ask(`b${n}`, 'b')
    for (const n of [1, 2]) void ask(`a${n}`, `a/new${n}`).catch(() => {})
    await settled()
    for (const slot of taken.slice(0, 3)) {
      slot.leave()
      await settled()
    }
    expect(order.filter((name) => name.startsWith('b'))).toEqual(['b1', 'b2', 'b3'])
    expect(order.filter((name) => name.startsWith('a'))).toEqual([])
    admission.close(new Error('closing'))
  })
})

test('the recordings of jobs have only what clients leave, and take no room from them', async () => {
  const admission = new AdmissionControl(1)
  const ofJob = { ...requestOf('', 5), isOfJob: true }
  const first = await admission.admit(ofJob, { waitMs: Number.POSITIVE_INFINITY })
  const second = await admission.admit(ofJob, { waitMs: Number.POSITIVE_INFINITY })
  const taken = await fill(admission, 'a')
  expect(taken).toHaveLength(8)
  first.leave()
  second.leave()
  let isLetIn = false
  const waiting = admission.admit(ofJob, { waitMs: Number.POSITIVE_INFINITY }).then(() => (isLetIn = true))
  await delay(20)
  expect(isLetIn).toBe(false)
  for (const slot of taken.slice(3)) slot.leave()
  await waiting
  expect(admission.usage()).toMatchObject({ streams: 4, streamsWaiting: 0 })
})

test('what decoding took decides how many come in', async () => {
  const admission = new AdmissionControl(1)
  const slot = await admission.admit(requestOf('a'))
  for (let n = 0; n < 100; n++) slot.measured(2000, 100)
  slot.leave()
  await delay(0)
  expect(await fill(admission, 'a')).toHaveLength(16)
  expect(admission.usage().load).toBeCloseTo(0.95, 1)
})

describe('the capacity for provisioning', () => {
  test('is one stream for each worker, and then the next that is left, for the workspace that has the fewest', async () => {
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

  test('is refused when the wait is over, when the caller has left and when the recognizers close', async () => {
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

  test('is given back at once to a stream that lost its slot by a crash', async () => {
    const reserved = new ReservedCapacity(1)
    await reserved.admit(requestOf('a'), patient)
    await expect(reserved.admit(requestOf('a'), { waitMs: 0, isResumed: true })).resolves.toBeDefined()
  })
})
