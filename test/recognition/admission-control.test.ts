// The capacity that each workspace, deployment and job receives.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { AdmissionControl, type StreamSlot } from '../../src/recognition/admission-control.ts'
import { fill, openAdmission, patient, requestOf } from './admission.ts'

describe('a workspace with many deployments', () => {
  test('a workspace with many deployments is served as often as one with a single deployment', async () => {
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

  test('a workspace that has its share waits for others, whichever of its deployments asks', async () => {
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

test('recordings of jobs use only the capacity that clients leave', async () => {
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

test('the measured cost of decoding determines the number of admitted streams', async () => {
  const admission = new AdmissionControl(1)
  const slot = await admission.admit(requestOf('a'))
  for (let n = 0; n < 100; n++) slot.measured(2000, 100)
  slot.leave()
  await delay(0)
  expect(await fill(admission, 'a')).toHaveLength(16)
  expect(admission.usage().load).toBeCloseTo(0.95, 1)
})
