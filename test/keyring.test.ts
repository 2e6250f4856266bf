// The keyring without Postgres: time is what the test says.
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Viewer } from '../src/domain/key.ts'
import { openKeyring } from '../src/domain/keyring.ts'
import type { Store } from '../src/postgres/store.ts'
import { silentLog } from './recognizers.ts'

describe('who is there with a key is sent away', () => {
  const viewer = (expiresAt: Date | null): Viewer => ({ keyId: 'k', workspaceId: 'w', scopes: ['RECOGNIZE'], isBootstrap: false, expiresAt })
  /** A Postgres that says whether the key is live, or nothing at all. */
  function openFakeKeyring() {
    const postgres = { isAway: false, isLive: true }
    const db = {
      async $count() {
        if (postgres.isAway) throw new Error('It is away.')
        return postgres.isLive ? 1 : 0
      },
    }
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
})
