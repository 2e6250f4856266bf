import { describe, expect, test } from 'vitest'
import { HypothesisScheduler } from '../../src/recognition/hypothesis-scheduler.ts'

describe('turns to decode a hypothesis', () => {
  function openTurns(workers: number) {
    const given: string[] = []
    const state = { idle: workers }
    const turns = new HypothesisScheduler(workers, () => state.idle)
    const ask = (name: string, isFirst: boolean) => turns.ask({ workspaceId: name }, isFirst, () => void given.push(name))
    return { turns, given, state, ask }
  }

  test('go first to phrases of which nothing is shown, and the others leave a worker free', () => {
    const { given, ask } = openTurns(2)
    const shown = ['a', 'b', 'c'].map((name) => ask(name, false))
    expect(given).toEqual(['a'])
    const fresh = ['d', 'e'].map((name) => ask(name, true))
    expect(given).toEqual(['a', 'd'])
    shown[0]?.end()
    expect(given).toEqual(['a', 'd', 'e'])
    fresh[0]?.end()
    expect(given).toEqual(['a', 'd', 'e'])
    fresh[1]?.end()
    expect(given).toEqual(['a', 'd', 'e', 'b'])
  })

  test('are not given while there is other work, and are given when it is done', () => {
    const { turns, given, state, ask } = openTurns(1)
    state.idle = 0
    ask('a', true)
    const gone = ask('b', true)
    gone.end()
    expect(given).toEqual([])
    state.idle = 1
    turns.grant()
    expect(given).toEqual(['a'])
  })

  test('are not more than workers are idle, those included that are not at work yet', () => {
    const { turns, given, state, ask } = openTurns(3)
    state.idle = 1
    const first = ask('a', true)
    ask('b', true)
    expect([given, turns.busy]).toEqual([['a'], 0])
    first.begin()
    expect(turns.busy).toBe(1)
    state.idle = 0
    turns.grant()
    expect(given).toEqual(['a'])
    first.end()
    state.idle = 1
    turns.grant()
    expect(given).toEqual(['a', 'b'])
  })

  test('that were given count once, however often they are ended', () => {
    const { given, ask } = openTurns(1)
    const first = ask('a', true)
    ask('b', true)
    const last = ask('c', true)
    first.end()
    first.end()
    expect(given).toEqual(['a', 'b'])
    last.end()
    expect(given).toEqual(['a', 'b'])
  })
})
