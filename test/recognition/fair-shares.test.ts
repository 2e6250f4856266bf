// The sharing of capacity between workspaces: queues, slots and slow transfers.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FairQueue } from '../../src/capacity/fair-queue.ts'
import { Pace } from '../../src/capacity/pace.ts'
import { SharedSlots } from '../../src/capacity/shared-slots.ts'

/** The first letter of an item is its workspace, the second its deployment. */
const ownerOf = (item: string) => ({ workspaceId: item[0] as string, deploymentId: item[1] as string })

describe('a fair queue', () => {
  test('a fair queue serves workspaces round-robin, and so the deployments of each', () => {
    const queue = new FairQueue<string>()
    for (const item of ['ax1', 'ax2', 'ay1', 'ax3', 'bx1', 'cx1', 'cx2']) queue.push(ownerOf(item), item)
    queue.remove(ownerOf('ax2'), 'ax2')
    queue.pushFirst(ownerOf('bx0'), 'bx0')
    expect(queue.take((item) => item[0] !== 'a')).toBe('bx0')
    expect(Array.from({ length: 7 }, () => queue.take())).toEqual(['ax1', 'cx1', 'bx1', 'ay1', 'cx2', 'ax3', undefined])
    expect(queue.size).toBe(0)
  })

  test('a fair queue serves each of n workspaces within n takes and keeps the order of each deployment', () => {
    const items = fc.array(fc.tuple(fc.constantFrom(...'abcdefgh'), fc.constantFrom(...'xyz')), { minLength: 1, maxLength: 200 })
    const holds = fc.property(items, (owners) => {
      const queue = new FairQueue<string>()
      const all = owners.map(([workspace, deployment], n) => `${workspace}${deployment}${n}`)
      for (const item of all) queue.push(ownerOf(item), item)
      const count = queue.workspaces.length
      const taken = all.map(() => queue.take() as string)
      expect(new Set(taken.slice(0, count).map((item) => item[0])).size).toBe(count)
      for (let from = 0; from < taken.length; from++) {
        const rest = taken.slice(from)
        const left = new Set(rest.map((item) => item[0])).size
        // No workspace is served twice before all waiting ones are served once.
        expect(new Set(rest.slice(0, left).map((item) => item[0])).size).toBe(left)
      }
      for (const line of Object.values(Object.groupBy(taken, (item) => item.slice(0, 2)))) {
        const numbers = (line ?? []).map((item) => Number(item.slice(2)))
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
      }
      expect(queue.size).toBe(0)
    })
    fc.assert(holds, { numRuns: 200 })
  })

  test('a fair queue finds the last item of the workspace with the most items in all deployments', () => {
    const queue = new FairQueue<string>()
    for (const item of ['ax1', 'ay1', 'az1', 'bx1', 'bx2']) queue.push(ownerOf(item), item)
    expect(queue.lastOfLongest).toBe('az1')
  })
})

describe('shared slots', () => {
  const refusal = (own: number) => new Error(`busy: ${own} of your own`)
  const open = (slots: number, kept: number, maxWaiting = 100) => new SharedSlots({ slots, kept, maxWaiting, refusal })
  const settled = () => new Promise((done) => setImmediate(done))

  test('one workspace gets as many slots as it requests, except those that are kept for others', async () => {
    const slots = open(8, 2)
    for (let n = 0; n < 6; n++) await slots.take({ workspaceId: 'a' }, { waitMs: 0 })
    await expect(slots.take({ workspaceId: 'a' }, { waitMs: 0 })).rejects.toThrow('busy: 6 of your own')
    await slots.take({ workspaceId: 'b' }, { waitMs: 0 })
    await slots.take({ workspaceId: 'c' }, { waitMs: 0 })
    await expect(slots.take({ workspaceId: 'd' }, { waitMs: 0 })).rejects.toThrow('busy: 0 of your own')
    expect(slots.taken).toBe(8)
  })

  test('the next free slot goes to the workspace with the fewest slots', async () => {
    const slots = open(4, 1)
    const order: string[] = []
    const held = []
    for (let n = 0; n < 3; n++) held.push(await slots.take({ workspaceId: 'a' }, { waitMs: 0 }))
    const ask = (workspaceId: string) =>
      slots.take({ workspaceId }, { waitMs: 10_000 }).then(
        () => order.push(workspaceId),
        () => {},
      )
    for (const workspaceId of ['a', 'a', 'a', 'b', 'b']) void ask(workspaceId)
    await settled()
    expect(order).toEqual(['b'])
    held[0]?.()
    held[0]?.()
    await settled()
    expect(order).toEqual(['b', 'b'])
    held[1]?.()
    await settled()
    expect(order).toEqual(['b', 'b', 'a'])
    slots.close(new Error('closing'))
  })

  test('of w workspaces, each waits for at most w grants, whatever the others request', async () => {
    const asked = fc.array(fc.constantFrom(...'abcde'), { minLength: 1, maxLength: 60 })
    const holds = fc.asyncProperty(asked, fc.integer({ min: 1, max: 4 }), async (workspaces, count) => {
      const slots = open(count, 0)
      const [order, held]: [string[], (() => void)[]] = [[], []]
      const all = workspaces.map((workspaceId) =>
        slots.take({ workspaceId }, { waitMs: 60_000 }).then((leave) => {
          order.push(workspaceId)
          held.push(leave)
        }),
      )
      await settled()
      // The first granted slot is returned first.
      while (order.length < workspaces.length) {
        held.shift()?.()
        await settled()
      }
      await Promise.all(all)
      const others = new Set(workspaces).size
      for (const workspace of new Set(workspaces)) expect(order.indexOf(workspace)).toBeLessThan(count + others)
    })
    await fc.assert(holds, { numRuns: 50 })
  })

  test('a flood of 2,000 requests of one workspace does not exclude another from the waitlist', async () => {
    const slots = open(1, 0, 10)
    const leave = await slots.take({ workspaceId: 'a' }, { waitMs: 0 })
    const flood = Array.from({ length: 2_000 }, () => slots.take({ workspaceId: 'a' }, { waitMs: 10_000 }).catch((error: Error) => error.message))
    const other = slots.take({ workspaceId: 'b' }, { waitMs: 10_000 })
    const refused = await Promise.all(flood.slice(9))
    expect(new Set(refused)).toEqual(new Set(['busy: 1 of your own']))
    expect(slots.waiting).toBe(10)
    // The flood has waited for longer and is served first, then the other workspace.
    leave()
    const next = await flood[0]
    if (typeof next === 'function') next()
    await expect(other).resolves.toBeTypeOf('function')
    slots.close(new Error('closing'))
  })
})

describe('the pace of a transfer', () => {
  test('a transfer is slow if the last ten seconds are below the minimum, but not within the first ten', () => {
    const pace = new Pace(100)
    expect(pace.isSlow(9_999)).toBe(false)
    expect(pace.isSlow(10_000)).toBe(true)
    pace.add(1_000, 12_000)
    expect(pace.isSlow(12_000)).toBe(false)
    expect(pace.isSlow(21_900)).toBe(false)
    expect(pace.isSlow(22_000)).toBe(true)
    expect(pace.isSlow(120_000)).toBe(true)
  })

  test('a sender that keeps the minimum pace is never slow', () => {
    const pace = new Pace(100)
    for (let at = 0; at < 60_000; at += 500) {
      pace.add(60, at)
      expect(pace.isSlow(at)).toBe(false)
    }
  })
})
