// The order in which waiting streams are admitted.
import { describe, expect, test } from 'vitest'
import { RecognizersBusyError } from '../../src/recognition/recognizer-errors.ts'
import { fill, openAdmission, patient, requestOf } from './admission.ts'

describe('streams that exceed the capacity', () => {
  test('a stream that does not wait is refused with an explanation', async () => {
    const { admission } = openAdmission()
    expect(await fill(admission, 'a')).toHaveLength(8)
    await expect(admission.admit(requestOf('a'))).rejects.toThrow('The capacity for speech is taken by 8 streams. Try again in a moment.')
  })

  test('a waiting stream gets the next free slot', async () => {
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

  test('a later stream with a lower cost does not overtake a waiting stream', async () => {
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

  test('workspaces with waiting streams are served round-robin', async () => {
    const { admission, ask, order, settled } = openAdmission(2)
    const taken = await fill(admission, 'full')
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) void ask(name, name[0] as string)
    // A workspace without a stream gets one although the capacity is in use.
    await settled()
    expect(order).toEqual(['a1', 'b1', 'c1'])
    for (const slot of taken) {
      slot.leave()
      await settled()
    }
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  })

  test('streams that lost their slots to a crash come first, even if their cost has risen', async () => {
    const { admission, ask, order, settled } = openAdmission()
    const taken = await fill(admission, 'a')
    void ask('new', 'a')
    for (let n = 0; n < 20; n++) taken[0]?.measured(2000, 400)
    // The crash frees the slots, and the streams ask again at once.
    for (const slot of taken) slot.leave()
    for (let n = 0; n < taken.length; n++) void ask('resumed', 'a', { ...patient, isResumed: true })
    await settled()
    expect(order).toEqual(Array(8).fill('resumed'))
    expect(admission.usage()).toMatchObject({ streams: 8, streamsWaiting: 1 })
  })

  test('a stream that needs the whole capacity does not block others', async () => {
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

  test('a stream that times out or leaves is no longer counted', async () => {
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

  test('a stream is refused at once with the number of waiting streams if too many wait', async () => {
    const { admission, ask } = openAdmission()
    await fill(admission, 'a')
    const waiting = Array.from({ length: 8 }, (_, n) => ask(String(n), 'a'))
    await expect(ask('one too many', 'a')).rejects.toThrow('The capacity for speech is taken by 8 streams, and 8 more streams wait.')
    admission.close(new Error('closing'))
    for (const one of waiting) await expect(one).rejects.toThrow('closing')
  })

  test('a workspace that fills the waitlist does not exclude another workspace', async () => {
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
