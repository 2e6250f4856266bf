import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    // Node and the libraries load graphql's CommonJS build; left to itself, Vite would add a second copy beside it.
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Those pull plugs and take their time, or need a browser: npm run test:faults, npm run test:browser.
    exclude: ['**/node_modules/**', 'test/faults/**', 'test/attacks/**', 'test/browser/**'],
    globalSetup: 'test/postgres.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // The gate's machine does other things as well: what fails there is tried once more, and the report says so.
    retry: process.env['CI'] ? 1 : 0,
    // Each worker holds a real service with real models: threads would share their environment.
    pool: 'forks',
  },
})
