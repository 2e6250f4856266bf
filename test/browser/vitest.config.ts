import { defineConfig } from 'vitest/config'
import everywhere from '../../vitest.config.ts'

export default defineConfig({
  ...everywhere,
  test: {
    ...everywhere.test,
    include: ['test/browser/*.test.ts'],
    exclude: [],
    globalSetup: ['test/postgres.ts', 'test/browser/build.ts'],
    maxWorkers: 1,
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
})
