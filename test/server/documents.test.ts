// Everything in the documents that a reader can copy is tried: commands run, GraphQL is valid, settings and metrics exist.
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { buildSchema, parse, validate } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeDataDir, start } from '../support/program.ts'
import type { OnFinished } from '../support/service.ts'

const root = resolve(import.meta.dirname, '../..')
const documents = globSync(['*.md', 'docs/*.md'], { cwd: root }).sort()

interface Block {
  document: string
  language: string
  /** The rest of the opening fence: `not-run: reason` or `stop-after: 3 s`. */
  note: string
  text: string
}

const blocks: Block[] = documents.flatMap((document) =>
  [...readFileSync(join(root, document), 'utf8').matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', note = '', text = '']) => ({
    document,
    language,
    note,
    text,
  })),
)

describe('commands', () => {
  const commands = blocks.filter(({ language, note }) => language === 'sh' && !note.startsWith('not-run: '))
  // It replaces the key that the others use.
  commands.sort((a, b) => Number(a.text.includes('key reset')) - Number(b.text.includes('key reset')))
  const closing: (() => Promise<unknown>)[] = []
  let url: string
  let dataDir: string
  beforeAll(async () => {
    const onFinished: OnFinished = (close) => void closing.unshift(async () => close({} as never))
    dataDir = await makeDataDir(onFinished)
    url = (await start({ DATA_DIR: dataDir }, onFinished)).url
  })
  afterAll(async () => {
    for (const close of closing) await close()
  })

  test.each(commands.map((block) => [`${block.document}: ${block.text.trim().split('\n').at(-1)?.slice(0, 80)}`, block] as const))(
    '%s',
    async (_, { text, note }) => {
      const script = text
        .replaceAll('http://127.0.0.1:4000', url)
        .replaceAll('.data/', `${dataDir}/`)
        .replaceAll('npm exec -- custom-speech', `DATA_DIR=${dataDir} node ${root}/src/cli/custom-speech.mjs`)
      const stop = /^stop-after: (\d+) s$/.exec(note)
      const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: dirname(dataDir),
        timeout: stop ? Number(stop[1]) * 1000 : 60_000,
      }).catch((error) => (stop && error.killed ? error : Promise.reject(error)))
      expect(stdout).not.toMatch(/"errors"|"status":[45]|Error/)
      if (!stop) expect(stdout).not.toBe('')
    },
  )

  test('every metric that an alert rule or the table of metrics names exists', async () => {
    const metrics = await fetch(`${url}/metrics`).then((response) => response.text())
    const named = ['deploy/alerts.yml', 'docs/operations.md'].flatMap((file) => readFileSync(join(root, file), 'utf8').match(/custom_speech_[a-z_]+/g) ?? [])
    expect(named.length).toBeGreaterThan(5)
    for (const metric of named) expect(metrics).toMatch(new RegExp(`^# TYPE ${metric.replace(/_bucket$/, '')} `, 'm'))
  })

  test('a block that is not run has a reason', () => {
    for (const { document, language, note, text } of blocks)
      if (language === 'sh') expect(note, `${document}: ${text}`).toMatch(/^(|not-run: .+|stop-after: \d+ s)$/)
  })
})

test('every setting is documented, and every documented setting exists', () => {
  const source = readFileSync(join(root, 'src/config.ts'), 'utf8')
  const settings = [
    ...source.matchAll(/^ {2}(\w+): (?:whole|z|list|switchedOn|webUrl|baseUrl)\b/gm),
    ...source.matchAll(/^ {2}(ROLES|ALLOWED_ORIGINS): list/gm),
  ].map(([, name]) => name)
  const secrets = /const secrets = \[(.*)\]/.exec(source)?.[1] ?? ''
  settings.push(...[...secrets.matchAll(/\w+/g)].map(([name]) => `${name}_FILE`))
  const table = readFileSync(join(root, 'docs/operations.md'), 'utf8').split('## Settings')[1]?.split('\n## ')[0] ?? ''
  const documented = [...table.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, names = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  expect(documented.sort()).toEqual([...new Set(settings)].sort())
})

describe('GraphQL', () => {
  const schema = buildSchema(readFileSync(join(root, 'schema.graphql'), 'utf8'))
  test.each(blocks.filter(({ language }) => language === 'graphql').map((block) => [block.document, block.text]))('in %s is valid: %s', (_, text) => {
    expect(validate(schema, parse(text))).toEqual([])
  })
})

test('the first table of the README names every document', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  for (const document of documents.filter((name) => name.startsWith('docs/'))) expect(readme).toContain(document)
})
