// The keyring without Postgres: time is what the test says.
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { hashSecret } from '../../src/access/key.ts'
import { openKeyring } from '../../src/access/keyring.ts'
import type { Viewer } from '../../src/domain/context.ts'
import type { Store } from '../../src/postgres/store.ts'
import { silentLog } from '../support/recognizers.ts'

describe('who is there with a key is sent away', () => {
  const viewer = (expiresAt: Date | null): Viewer => ({ keyId: 'k', workspaceId: 'w', scopes: ['RECOGNIZE'], isBootstrap: false, expiresAt })
  /** A Postgres that says whether the key is live, or nothing at all. */
  function openFakeKeyring() {
    const postgres = { isAway: false, isLive: true, statements: 0 }
    const answer = async () => {
      const { isAway, isLive } = postgres
      postgres.statements++
      await new Promise((answered) => setTimeout(answered, 10))
      if (isAway) throw new Error('It is away.')
      return isLive ? [{ id: 'k', secretHash: hashSecret('secret') }] : []
    }
    const db = { select: () => ({ from: () => ({ where: answer }) }), update: () => ({ set: () => ({ where: async () => {} }) }) }
    const keyring = openKeyring({ db, events: { watch: () => () => {} } } as unknown as Store, silentLog)
    onTestFinished(() => keyring.close())
    return { postgres, keyring }
  }
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('a second after Postgres is back, when the key was revoked while it was away', async () => {
    const { postgres, keyring } = openFakeKeyring()
    const ended = vi.fn()
    Object.assign(postgres, { isAway: true, isLive: false })
    keyring.onEnd(viewer(null), ended)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(ended).not.toHaveBeenCalled()
    postgres.isAway = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(ended).toHaveBeenCalledOnce()
  })

  test('when the key expires in two months, longer than a timer goes', async () => {
    const { postgres, keyring } = openFakeKeyring()
    const ended = vi.fn()
    const day = 86_400_000
    keyring.onEnd(viewer(new Date(Date.now() + 60 * day)), ended)
    await vi.advanceTimersByTimeAsync(59 * day)
    postgres.isLive = false
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2 * day)
    expect(ended).toHaveBeenCalledOnce()
  })

  test('by one statement for all who come together, and one for those who come while it is under way', async () => {
    const { postgres, keyring } = openFakeKeyring()
    const ended = vi.fn()
    keyring.onEnd(viewer(null), () => ended())
    await vi.advanceTimersByTimeAsync(1)
    // Each in a turn of its own, as sockets open.
    for (let n = 0; n < 1000; n++) {
      setImmediate(() => keyring.onEnd(viewer(null), () => ended()))
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(postgres.statements).toBe(1)
    // What is true now, and was not when the first was asked.
    postgres.isLive = false
    await vi.advanceTimersByTimeAsync(100)
    expect(postgres.statements).toBe(2)
    expect(ended).toHaveBeenCalledTimes(1001)
  })

  test('and who comes in with a thousand others costs two statements', async () => {
    const { postgres, keyring } = openFakeKeyring()
    const coming: Promise<unknown>[] = []
    for (let n = 0; n < 1000; n++) {
      setImmediate(() => coming.push(keyring.authenticate('secret')))
      await vi.advanceTimersByTimeAsync(0)
    }
    await vi.advanceTimersByTimeAsync(100)
    const viewers = await Promise.all(coming)
    expect(viewers.every((found) => (found as Viewer).keyId === 'k')).toBe(true)
    expect(viewers).toHaveLength(1000)
    expect(postgres.statements).toBe(2)
  })
})
