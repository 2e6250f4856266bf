import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { projectFiles, readProjectFile, root } from './support/imports.ts'

const documents = projectFiles('*.md', 'docs').filter((file) => file.endsWith('.md'))

const maxReadmeBytes = 9_000
test(`README has at most ${maxReadmeBytes} bytes`, () => {
  expect(Buffer.byteLength(readProjectFile('README.md'))).toBeLessThanOrEqual(maxReadmeBytes)
})

/** The anchors that GitHub gives to headings. */
const anchorsOf = (markdown: string) =>
  new Set(
    [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      (title as string)
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )

/** Links within the project that lead nowhere, and source files in backticks that do not exist. */
function findDeadLinks(file: string, markdown: string): string[] {
  const links = [...markdown.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(([, link, html]) => (link ?? html) as string)
  const dead = links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path, anchor] = link.split('#') as [string, string?]
      const target = path === '' ? file : join(dirname(file), decodeURIComponent(path))
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target === file ? markdown : readProjectFile(target)).has(anchor)
    })
  const sources = [...markdown.matchAll(/`([\w-]+\/[\w./-]+\.(?:tsx?|mjs))`/g)]
    .map(([, path]) => (/^(src|test|bench)\//.test(path as string) ? (path as string) : `src/${path}`))
    .filter((path) => !path.includes('NAME') && !existsSync(join(root, path)))
  return [...dead, ...sources]
}

test.each(documents)('%s has no dead link', (file) => {
  expect(findDeadLinks(file, readProjectFile(file))).toEqual([])
})

test('dead links, dead anchors and files that moved are found', () => {
  expect(findDeadLinks('README.md', '# One two\n[a](#one-two) [b](#three) [c](missing.md) [d](https://example.org) `domain/gone.ts` `src/main.ts`')).toEqual([
    '#three',
    'missing.md',
    'src/domain/gone.ts',
  ])
})

/** Words that user-facing text avoids, and what stands there instead. */
const avoided: readonly [pattern: RegExp, instead: string][] = [
  [/\bwhoever\b/i, 'client, caller, user'],
  [/\b(nobody|those who)\b/i, 'the noun that is meant'],
  [/\bby itself\b/i, 'automatically, or nothing'],
  [/\bof its own\b/i, 'its, separate'],
  [/\bwish(es)?\b/i, 'request'],
  [/\bWhere it stands\b/, 'status'],
  [/\bWay of speaking\b/i, 'recognition mode'],
  [/\b(licence|cancelled|centre)\b/i, 'license, canceled, center'],
  [/\bWhat (knows|can be|holds|was|went)\b/, 'the noun that is meant'],
]
/** The texts that users read: documents, the schema's descriptions, and sentences in the dashboard and the commands. */
function userTexts(): [place: string, text: string][] {
  const schema = [...readProjectFile('schema.graphql').matchAll(/"""([\s\S]*?)"""/g)].map(([, text]) => ['schema.graphql', text as string] as [string, string])
  const sentences = projectFiles('src/dashboard', 'src/cli')
    .filter((file) => /\.tsx?$/.test(file) && !file.startsWith('src/dashboard/gql/'))
    .flatMap((file) =>
      [
        ...readProjectFile(file)
          .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
          .matchAll(/'([^'\n]* [^'\n]*)'|`([^`]* [^`]*)`|>([^<>{}]* [^<>{}]*)</g),
      ].map(([, single, template, markup]) => [file, (single ?? template ?? markup) as string] as [string, string]),
    )
  return [...documents.map((file) => [file, readProjectFile(file)] as [string, string]), ...schema, ...sentences]
}

const findAvoided = (texts: readonly (readonly [string, string])[]) =>
  texts.flatMap(([place, text]) =>
    avoided.flatMap(([pattern, instead]) => (pattern.test(text) ? [`${place}: ${pattern.exec(text)?.[0]} (instead: ${instead})`] : [])),
  )

test('user-facing text avoids the words of the list', () => {
  expect(findAvoided(userTexts())).toEqual([])
})

test('avoided words are found, and texts of every kind are read', () => {
  expect(
    findAvoided([
      ['a', 'Whoever comes'],
      ['b', 'The client comes'],
    ]),
  ).toEqual(['a: Whoever (instead: client, caller, user)'])
  const places = new Set(userTexts().map(([place]) => place.split('/').slice(0, 2).join('/')))
  for (const place of ['README.md', 'schema.graphql', 'src/dashboard', 'src/cli']) expect(places).toContain(place)
})
