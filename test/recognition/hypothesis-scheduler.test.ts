import { describe, expect, test } from 'vitest'
import { HypothesisScheduler } from '../../src/recognition/hypothesis-scheduler.ts'

describe('slots to decode a hypothesis', () => {
  function openScheduler(workers: number) {
    const granted: string[] = []
    const state = { idle: workers }
    const scheduler = new HypothesisScheduler(workers, () => state.idle)
    const ask = (name: string, isFirst: boolean) => scheduler.ask({ workspaceId: name }, isFirst, () => void granted.push(name))
    return { scheduler, granted, state, ask }
  }

  test('slots go first to phrases without a shown hypothesis, and the others leave one worker free', () => {
    const { granted, ask } = openScheduler(2)
    const shown = ['a', 'b', 'c'].map((name) => ask(name, false))
    expect(granted).toEqual(['a'])
    const fresh = ['d', 'e'].map((name) => ask(name, true))
    expect(granted).toEqual(['a', 'd'])
    shown[0]?.end()
    expect(granted).toEqual(['a', 'd', 'e'])
    fresh[0]?.end()
    expect(granted).toEqual(['a', 'd', 'e'])
    fresh[1]?.end()
    expect(granted).toEqual(['a', 'd', 'e', 'b'])
  })

  test('slots are granted only when no other work waits', () => {
    const { scheduler, granted, state, ask } = openScheduler(1)
    state.idle = 0
    ask('a', true)
    const gone = ask('b', true)
    gone.end()
    expect(granted).toEqual([])
    state.idle = 1
    scheduler.grant()
    expect(granted).toEqual(['a'])
  })

  test('granted slots never exceed the idle workers', () => {
    const { scheduler, granted, state, ask } = openScheduler(3)
    state.idle = 1
    const first = ask('a', true)
    ask('b', true)
    expect([granted, scheduler.busy]).toEqual([['a'], 0])
    first.begin()
    expect(scheduler.busy).toBe(1)
    state.idle = 0
    scheduler.grant()
    expect(granted).toEqual(['a'])
    first.end()
    state.idle = 1
    scheduler.grant()
    expect(granted).toEqual(['a', 'b'])
  })

  test('a slot that is returned twice counts once', () => {
    const { granted, ask } = openScheduler(1)
    const first = ask('a', true)
    ask('b', true)
    const last = ask('c', true)
    first.end()
    first.end()
    expect(granted).toEqual(['a', 'b'])
    last.end()
    expect(granted).toEqual(['a', 'b'])
  })
})
