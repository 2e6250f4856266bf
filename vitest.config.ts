import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'
import { AlternatingSequencer } from './test/support/sequencer.ts'

// Node and the libraries load graphql's CommonJS build; left to itself, Vite would add a second copy beside it.
const resolve = { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] }

const shared = {
  // Tests wait about as much as they compute: three workers keep two processors busy.
  maxWorkers: 3,
  // The gate's machine does other things as well: what fails there is tried once more, and the report says so.
  retry: process.env['CI'] ? 1 : 0,
  // Each worker holds a real service with real models: threads would share their environment.
  pool: 'forks' as const,
}

const patience = (ms: number) => ({ testTimeout: ms, hookTimeout: ms })

/** `vitest run` runs everything; `vitest run --project main` one part. */
export default defineConfig({
  test: {
    globalSetup: 'test/support/postgres.ts',
    sequence: { sequencer: AlternatingSequencer },
    projects: [
      {
        resolve,
        test: {
          ...shared,
          ...patience(60_000),
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'test/browser/**', 'test/faults/**', 'test/attacks/**'],
        },
      },
      // The pages of the dashboard in a real browser.
      { resolve, test: { ...shared, ...patience(90_000), name: 'browser', include: ['test/browser/*.test.ts'], globalSetup: 'test/browser/build.ts' } },
      // Plugs are pulled; each test says what it measured.
      { resolve, test: { ...shared, ...patience(120_000), name: 'faults', include: ['test/faults/*.test.ts'], disableConsoleIntercept: true } },
      // Heavy attacks, after everything else and two at a time: each is bounded, and says what it cost.
      {
        resolve,
        test: {
          ...shared,
          ...patience(120_000),
          name: 'attacks',
          include: ['test/attacks/*.test.ts'],
          disableConsoleIntercept: true,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
