// The keyring with a fake Postgres and fake timers.
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { hashSecret } from '../../src/access/key.ts'
import { openKeyring } from '../../src/access/keyring.ts'
import type { Viewer } from '../../src/domain/context.ts'
import type { Store } from '../../src/postgres/store.ts'
import { silentLog } from '../support/recognizers.ts'

describe('the keyring', () => {
  const viewer = (expiresAt: Date | null): Viewer => ({ keyId: 'k', workspaceId: 'w', scopes: ['RECOGNIZE'], isBootstrap: false, expiresAt })
  /** A Postgres that returns whether the key is valid, or fails. */
  function openFakeKeyring() {
    const postgres = { isAway: false, isLive: true, statements: 0 }
    const answer = async () => {
      const { isAway, isLive } = postgres
      postgres.statements++
      await new Promise((answered) => setTimeout(answered, 10))
      if (isAway) throw new Error('Postgres is unavailable.')
      return isLive ? [{ id: 'k', secretHash: hashSecret('secret') }] : []
    }
    const db = { select: () => ({ from: () => ({ where: answer }) }), update: () => ({ set: () => ({ where: async () => {} }) }) }
    const keyring = openKeyring({ db, events: { watch: () => () => {} }, now: Date.now } as unknown as Store, silentLog)
    onTestFinished(() => keyring.close())
    return { postgres, keyring }
  }
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('the keyring ends clients of a key within a second when the key was revoked while Postgres was unavailable', async () => {
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

  test('the keyring ends clients when their key expires after two months, longer than a timer can wait', async () => {
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

  test('the keyring ends clients when Postgres finds a key live for a moment after its expiry', async () => {
    const { postgres, keyring } = openFakeKeyring()
    const ended = vi.fn()
    keyring.onEnd(viewer(new Date(Date.now() + 5_000)), ended)
    await vi.advanceTimersByTimeAsync(5_500)
    expect(ended).not.toHaveBeenCalled()
    postgres.isLive = false
    await vi.advanceTimersByTimeAsync(1_500)
    expect(ended).toHaveBeenCalledOnce()
  })

  test('the keyring checks clients that connect together with two statements', async () => {
    const { postgres, keyring } = openFakeKeyring()
    const ended = vi.fn()
    keyring.onEnd(viewer(null), () => ended())
    await vi.advanceTimersByTimeAsync(1)
    // Each in a separate turn of the event loop, as sockets open.
    for (let n = 0; n < 1000; n++) {
      setImmediate(() => keyring.onEnd(viewer(null), () => ended()))
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(postgres.statements).toBe(1)
    // The key was valid when the first statement ran, and is not any more.
    postgres.isLive = false
    await vi.advanceTimersByTimeAsync(100)
    expect(postgres.statements).toBe(2)
    expect(ended).toHaveBeenCalledTimes(1001)
  })

  test('the keyring authenticates a thousand simultaneous requests with two statements', async () => {
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
