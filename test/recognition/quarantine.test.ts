import { expect, test } from 'vitest'
import { Quarantine, type Suspicion } from '../../src/recognition/quarantine.ts'

test('a faulty model of one revision does not change the standing of another revision, or of the model elsewhere', () => {
  const told: Suspicion[] = []
  const quarantine = new Quarantine((suspicion) => told.push(suspicion))
  const serving = { deploymentId: 'one', modelId: 'good' }
  const pending = { deploymentId: 'one', modelId: 'bad' }
  for (let n = 0; n < 100; n++) quarantine.praise(serving)
  quarantine.blame(pending, 'it looped')
  quarantine.blame(pending, 'it looped')
  expect(quarantine.standing(pending)).toBe('REFUSED')
  expect(quarantine.standing(serving)).toBe('PROVEN')
  expect(quarantine.standing({ deploymentId: 'two', modelId: 'bad' })).toBe('NEW')
  expect(told).toMatchObject([
    { deploymentId: 'one', standing: 'ISOLATED' },
    { deploymentId: 'one', standing: 'REFUSED', refusedUntil: expect.any(Number) },
  ])
})
