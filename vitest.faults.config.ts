import { defineConfig } from 'vitest/config'
import shared from './vitest.config.ts'

/** Plugs are pulled one at a time: each test has the machine to itself, and says what it measured. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['test/faults/**/*.test.ts'],
    exclude: [],
    fileParallelism: false,
    // Every test closes what it opens, so one process serves them all, and loads the sources once.
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
  },
})
