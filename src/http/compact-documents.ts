// The generated operations are syntax trees in one file. The build replaces them by texts, which the page parses at its
// start, and makes each a module, so that the operations of later pages are not part of the first load.
import { type DefinitionNode, type DocumentNode, print, stripIgnoredCharacters } from 'graphql'

const generated = '/gql/graphql.ts'
const declaration = /^export const (\w+) = (\{"kind":"Document".*\}) as unknown as DocumentNode<.*>;$/gm
const prefix = '\0operation:'

/** A plugin of Vite. `npm run dev` serves the generated file. */
export function compactDocuments() {
  const modules = new Map<string, string>()
  const add = (name: string, code: string) => {
    modules.set(prefix + name, code)
    return JSON.stringify(prefix + name)
  }

  /** A fragment is a module too, since many operations share it. */
  const toModule = (name: string, { definitions }: DocumentNode): string => {
    const imports = ["import { gql } from 'urql'"]
    const toPart = (node: DefinitionNode): string => {
      const text = JSON.stringify(stripIgnoredCharacters(print(node)))
      if (node.kind !== 'FragmentDefinition') return text
      imports.push(`import { text as ${node.name.value} } from ${add(`fragment ${node.name.value}`, `export const text = ${text}`)}`)
      return node.name.value
    }
    const parts = definitions.map(toPart).join(' + ')
    return `${imports.join('\n')}\nexport const ${name} = /*#__PURE__*/ gql(${parts})`
  }

  return {
    name: 'compact-documents',
    apply: 'build' as const,
    enforce: 'pre' as const,
    transform(code: string, id: string) {
      if (!id.endsWith(generated)) return undefined
      const compact = code.replace(declaration, (_, name: string, tree: string) => {
        return `export { ${name} } from ${add(name, toModule(name, JSON.parse(tree) as DocumentNode))};`
      })
      return { code: compact, map: null, moduleSideEffects: false }
    },
    resolveId: (id: string) => (id.startsWith(prefix) ? id : undefined),
    load(id: string) {
      const code = modules.get(id)
      return code === undefined ? undefined : { code, moduleSideEffects: false }
    },
  }
}
