import { expect, test } from 'vitest'
import { findCycles, findForbiddenImports, projectFiles, readImports, readProjectFile, readRooms } from './support/imports.ts'

const rooms = readRooms(readProjectFile('docs/architecture.md'))
const sources = new Map(
  projectFiles('src')
    .filter((file) => /\.(tsx?|mjs)$/.test(file) && !file.endsWith('.d.ts'))
    .map((file) => [file, readProjectFile(file)]),
)
const graph = readImports(sources)

test('every import goes where the table of docs/architecture.md allows it', () => {
  expect(graph.size).toBeGreaterThan(200)
  expect(findForbiddenImports(graph, rooms)).toEqual([])
})

test('no files import each other in a circle, types included', () => {
  expect(findCycles(graph)).toEqual([])
})

/** One file as if it were in the project. */
const withFile = (file: string, source: string) => readImports(new Map([[file, source]]))

test.each([
  ['src/domain/seeded.ts', 'src/uploads/upload.ts', "import { upload } from '../uploads/upload.ts'"],
  ['src/graphql/seeded.ts', 'src/uploads/upload.ts', "import type { Upload } from '../uploads/upload.ts'"],
  ['src/speech/seeded.ts', 'src/uploads/upload.ts', "export { upload } from '../uploads/upload.ts'"],
  ['src/postgres/seeded.ts', 'src/http/target.ts', "export * from '../http/target.ts'"],
  ['src/dashboard/seeded.ts', 'src/uploads/upload.ts', "export const load = () => import('../uploads/upload.ts')"],
  ['src/audio/seeded.ts', 'src/log.ts', "import type { Log } from '../log.ts'"],
  ['src/recognition/seeded.ts', 'src/jobs/tidy-artifacts.ts', "import '../jobs/tidy-artifacts.ts'"],
])('%s must not import %s', (file, target, source) => {
  expect(findForbiddenImports(withFile(file, source), rooms)).toEqual([`${file} imports ${target}`])
})

test('a room that the table does not list is refused', () => {
  expect(findForbiddenImports(withFile('src/helpers/seeded.ts', 'export const one = 1'), rooms)).toEqual(['src/helpers/seeded.ts is in no room of the table'])
  expect(findForbiddenImports(withFile('src/helpers.ts', 'export const one = 1'), rooms)).toEqual(['src/helpers.ts is in no room of the table'])
})

test('a table that allows a room that it does not list is refused', () => {
  expect(() => readRooms('| `a` | one | b |\n')).toThrow('does not list: b')
})

test('cycles of values, of types and of one file are found', () => {
  const cyclesOf = (files: Record<string, string>) => findCycles(readImports(new Map(Object.entries(files))))
  const types = {
    'src/a/a.ts': "import type { B } from './b.ts'",
    'src/a/b.ts': "export type B = import('./c.ts').C",
    'src/a/c.ts': "import { a } from './a.ts'",
  }
  expect(cyclesOf(types)).toEqual([['src/a/a.ts', 'src/a/b.ts', 'src/a/c.ts']])
  expect(cyclesOf({ 'src/a/a.ts': "export * from './a.ts'" })).toEqual([['src/a/a.ts']])
  expect(cyclesOf({ 'src/a/a.ts': "import './b.ts'", 'src/a/b.ts': "import './c.ts'", 'src/a/c.ts': '' })).toEqual([])
})

const maxFolderFiles = 30
test(`no folder holds more than ${maxFolderFiles} files`, () => {
  const sizes = new Map<string, number>()
  for (const file of projectFiles('src', 'test', 'bench')) {
    const folder = file.slice(0, file.lastIndexOf('/'))
    sizes.set(folder, (sizes.get(folder) ?? 0) + 1)
  }
  expect([...sizes].filter(([, count]) => count > maxFolderFiles)).toEqual([])
})

const maxFileLines = 260
test(`no file written by hand has more than ${maxFileLines} lines`, () => {
  const byHand = projectFiles('src', 'test', 'bench').filter((file) => /\.(tsx?|mjs|js|css|html)$/.test(file) && !file.startsWith('src/dashboard/gql/'))
  expect(byHand.filter((file) => readProjectFile(file).split('\n').length - 1 > maxFileLines)).toEqual([])
})
