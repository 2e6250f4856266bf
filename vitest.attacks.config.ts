import { defineConfig } from 'vitest/config'
import faults from './vitest.faults.config.ts'

/** Heavy attacks, one at a time: each is bounded, and says what it cost. */
export default defineConfig({ ...faults, test: { ...faults.test, include: ['test/attacks/**/*.test.ts'] } })
