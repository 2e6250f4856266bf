import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { describeLicenses, licensesFile, listProductionPackages, readLock } from '../support/licenses.ts'

const allowed = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD', 'Unlicense', '(MIT OR CC0-1.0)']

/** Packages of development for other platforms, for which npm wrote no hash when the lock file was made. */
const withoutHash = /^node_modules\/(@biomejs\/cli|@oxc-parser\/binding)-/

test('docs/licenses.md is up to date (else: npm run licenses)', async () => {
  expect(await readFile(licensesFile, 'utf8')).toBe(await describeLicenses())
})

test('each production package has a redistributable license', async () => {
  const packages = await listProductionPackages()
  expect(packages.length).toBeGreaterThan(50)
  expect(packages.filter(({ license }) => !allowed.includes(license))).toEqual([])
})

test('the lock file has a hash for each package', async () => {
  const bare = [...(await readLock())].filter(([, { integrity, link, inBundle }]) => !integrity && !link && !inBundle)
  expect(bare.filter(([path, { dev }]) => !dev || !withoutHash.test(path)).map(([path]) => path)).toEqual([])
})
