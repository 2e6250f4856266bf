import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseSync } from 'vite'

export const root = resolve(import.meta.dirname, '../..')

/** The files that git tracks or would track, as paths below the root. */
export function projectFiles(...folders: string[]): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z', ...folders], { cwd: root, encoding: 'utf8' })
  return listed.split('\0').filter((file) => file !== '' && existsSync(join(root, file)))
}

export const readProjectFile = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The modules that a source imports, as it writes them: types, re-exports, `import()` and `import('…').Type` included. */
function importsOf(file: string, source: string): string[] {
  const { program, errors } = parseSync(file, source)
  if (errors.length) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`)
  const found: string[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const { type, source: from } = node as { type?: string; source?: { value?: unknown } }
    if (/^(ImportDeclaration|ImportExpression|TSImportType|Export(Named|All)Declaration)$/.test(type ?? '') && typeof from?.value === 'string')
      found.push(from.value)
    Object.values(node).forEach(visit)
  }
  visit(program.body)
  return found
}

/** Each file with the project's files that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>

export function readImports(sources: ReadonlyMap<string, string>): ImportGraph {
  const resolved = (file: string) =>
    importsOf(file, sources.get(file) as string)
      .filter((name) => name.startsWith('.'))
      .map((name) => join(dirname(file), name))
  return new Map([...sources.keys()].map((file) => [file, resolved(file)]))
}

/** The room of a file below src/: its folder, or its own name when it lies in no folder. */
const placeOf = (file: string): string => file.split('/')[1] as string

/** Room names and the rooms that each may import. */
export type Rooms = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Reads the table `| room | responsibility | may import |`. The first cell names a folder or files that form one room;
 * the last cell lists rooms, or is `all`.
 */
export function readRooms(markdown: string): Rooms {
  const rows = [...markdown.matchAll(/^\| (`[^|]+`) \|[^|]*\| ([^|]*?) ?\|$/gm)].map(([, names, allowed]) => ({
    names: [...(names as string).matchAll(/`(?:src\/)?([^`]+)`/g)].map(([, name]) => name as string),
    allowed: (allowed as string).trim(),
  }))
  const every = rows.flatMap(({ names }) => names)
  const rooms = new Map<string, ReadonlySet<string>>()
  for (const { names, allowed } of rows) {
    const listed = allowed === 'all' ? every : allowed.split(/[ ,]+/).filter(Boolean)
    const unknown = listed.filter((name) => !every.includes(name))
    if (unknown.length) throw new Error(`The table allows rooms that it does not list: ${unknown.join(', ')}`)
    for (const name of names) rooms.set(name, new Set([...listed, ...names]))
  }
  return rooms
}

/** Imports into rooms that the table does not allow, and files in rooms that it does not list. */
export function findForbiddenImports(graph: ImportGraph, rooms: Rooms): string[] {
  return [...graph].flatMap(([file, imported]) => {
    const allowed = rooms.get(placeOf(file))
    if (!allowed) return [`${file} is in no room of the table`]
    return imported.filter((target) => target.startsWith('src/') && !allowed.has(placeOf(target))).map((target) => `${file} imports ${target}`)
  })
}

/** Groups of files that import each other in a circle, types included. */
export function findCycles(graph: ImportGraph): string[][] {
  const state = new Map<string, { index: number; low: number; isOpen: boolean }>()
  const open: string[] = []
  const cycles: string[][] = []
  const visit = (file: string) => {
    const own = { index: state.size, low: state.size, isOpen: true }
    state.set(file, own)
    open.push(file)
    for (const target of graph.get(file) ?? []) {
      if (!graph.has(target)) continue
      const seen = state.get(target) ?? visit(target)
      if (seen.isOpen) own.low = Math.min(own.low, seen.low)
    }
    if (own.low === own.index) {
      const group = open.splice(open.indexOf(file))
      for (const each of group) (state.get(each) as typeof own).isOpen = false
      if (group.length > 1 || graph.get(file)?.includes(file)) cycles.push(group.sort())
    }
    return own
  }
  for (const file of graph.keys()) if (!state.has(file)) visit(file)
  return cycles
}
