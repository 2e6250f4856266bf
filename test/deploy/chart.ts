// Renders a Helm chart with the part of Go's templates and of Helm's functions that the chart uses. Anything else throws.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments, stringify } from 'yaml'

type Node =
  | { kind: 'TEXT'; text: string }
  | { kind: 'PRINT'; pipeline: string[] }
  | { kind: 'SET'; name: string; pipeline: string[] }
  | { kind: 'IF' | 'WITH' | 'RANGE'; names: string[]; pipeline: string[]; body: Node[]; otherwise: Node[] }

interface Scope {
  dot: unknown
  variables: Map<string, unknown>
}

/** The manifests of the chart in `directory`, with `values` over those of values.yaml. */
export function renderChart(directory: string, values: object): any[] {
  const readYaml = (name: string) => parse(readFileSync(join(directory, name), 'utf8'))
  const { name: Name, version: Version, appVersion: AppVersion } = readYaml('Chart.yaml')
  const root = {
    Values: merge(readYaml('values.yaml'), values),
    Chart: { Name, Version, AppVersion },
    Release: { Name: 'speech', Service: 'Helm', Namespace: 'default' },
  }
  const definitions = new Map<string, Node[]>()
  const files = readdirSync(join(directory, 'templates'))
  const templates = files.map((file) => ({ file, nodes: parseTemplate(readFileSync(join(directory, 'templates', file), 'utf8'), definitions) }))
  const text = templates.filter(({ file }) => file.endsWith('.yaml')).map(({ nodes }) => new Renderer(definitions).render(nodes, newScope(root)))
  return text.flatMap((one) =>
    parseAllDocuments(one).flatMap((document) => (document.errors.length ? fail(`${document.errors}\n${one}`) : (document.toJS() ?? []))),
  )
}

const fail = (message: string): never => {
  throw new Error(message)
}
const newScope = (dot: unknown): Scope => ({ dot, variables: new Map([['$', dot]]) })
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const merge = (base: any, over: any): any =>
  isMap(base) && isMap(over)
    ? Object.fromEntries([...new Set([...Object.keys(base), ...Object.keys(over)])].map((key) => [key, key in over ? merge(base[key], over[key]) : base[key]]))
    : over

/** Divides a template into text and actions, and collects its definitions. */
function parseTemplate(source: string, definitions: Map<string, Node[]>): Node[] {
  const parts = source
    .replace(/\s*\{\{- /g, '{{ ')
    .replace(/ -\}\}\s*/g, ' }}')
    .split(/(\{\{.*?\}\})/s)
  const root: Node[] = []
  const open: { nodes: Node[]; block?: Extract<Node, { body: Node[] }> }[] = [{ nodes: root }]
  const top = () => open.at(-1) ?? fail('an end without its begin')
  for (const part of parts) {
    if (!part.startsWith('{{')) {
      top().nodes.push({ kind: 'TEXT', text: part })
      continue
    }
    const [first = '', ...rest] = tokenize(part.slice(2, -2))
    if (first === 'define') {
      const body: Node[] = []
      definitions.set(JSON.parse(rest[0] ?? ''), body)
      open.push({ nodes: body })
    } else if (first === 'end') open.pop()
    else if (first === 'else' && !rest.length) top().nodes = top().block?.otherwise ?? fail('an else without its if')
    else if (first === 'if' || first === 'with' || first === 'range') {
      const at = rest.indexOf(':=')
      const names = at < 0 ? [] : rest.slice(0, at).map((name) => name.replace(',', ''))
      const block = { kind: first.toUpperCase() as 'IF', names, pipeline: rest.slice(at + 1), body: [], otherwise: [] }
      top().nodes.push(block)
      open.push({ nodes: block.body, block })
    } else if (rest[0] === ':=') top().nodes.push({ kind: 'SET', name: first, pipeline: rest.slice(1) })
    else top().nodes.push({ kind: 'PRINT', pipeline: [first, ...rest] })
  }
  if (open.length !== 1) fail('a block without its end')
  return root
}

const tokenize = (action: string): string[] => action.match(/"(?:[^"\\]|\\.)*"|:=|[()|]|[^\s()|]+/g) ?? []

const isTrue = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : isMap(value) ? Object.keys(value).length > 0 : Boolean(value))
const print = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

class Renderer {
  readonly #definitions: Map<string, Node[]>
  constructor(definitions: Map<string, Node[]>) {
    this.#definitions = definitions
  }

  render(nodes: readonly Node[], scope: Scope): string {
    return nodes.map((node) => this.#renderOne(node, scope)).join('')
  }

  #renderOne(node: Node, scope: Scope): string {
    if (node.kind === 'TEXT') return node.text
    const value = this.#evaluate(node.pipeline, scope)
    if (node.kind === 'PRINT') return print(value)
    if (node.kind === 'SET') {
      scope.variables.set(node.name, value)
      return ''
    }
    if (!isTrue(value)) return this.render(node.otherwise, inner(scope, scope.dot))
    if (node.kind !== 'RANGE') return this.render(node.body, inner(scope, node.kind === 'WITH' ? value : scope.dot))
    // Go iterates over maps in the order of their keys.
    const entries: [unknown, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1))
    return entries
      .map(([key, item]) => {
        const own = inner(scope, item)
        const [one, other] = node.names
        if (other) own.variables.set(one ?? '', key).set(other, item)
        else if (one) own.variables.set(one, item)
        return this.render(node.body, own)
      })
      .join('')
  }

  #evaluate(tokens: readonly string[], scope: Scope): unknown {
    const rest = [...tokens]
    const value = this.#readPipeline(rest, scope)
    return rest.length ? fail(`cannot read ${tokens.join(' ')}`) : value
  }

  #readPipeline(rest: string[], scope: Scope): unknown {
    let value = this.#readCommand(rest, scope, [])
    while (rest[0] === '|') {
      rest.shift()
      value = this.#readCommand(rest, scope, [value])
    }
    return value
  }

  #readCommand(rest: string[], scope: Scope, piped: unknown[]): unknown {
    const name = /^[a-zA-Z]\w*$/.test(rest[0] ?? '') ? rest.shift() : undefined
    const values: unknown[] = []
    while (rest.length && rest[0] !== '|' && rest[0] !== ')') values.push(this.#readValue(rest, scope))
    if (name) return this.#call(name, [...values, ...piped])
    return values.length === 1 ? values[0] : fail(`one value is expected before ${rest.join(' ')}`)
  }

  #readValue(rest: string[], scope: Scope): unknown {
    const token = rest.shift() ?? ''
    if (token === '(') {
      const value = this.#readPipeline(rest, scope)
      return rest.shift() === ')' ? value : fail('a bracket is not closed')
    }
    if (token.startsWith('"')) return JSON.parse(token)
    if (/^\d+$/.test(token)) return Number(token)
    const [head = '', ...path] = token.split('.')
    if (head && !scope.variables.has(head)) fail(`${token} is unknown`)
    return path.filter(Boolean).reduce<any>((value, field) => value?.[field], head ? scope.variables.get(head) : scope.dot)
  }

  #call(name: string, values: any[]): unknown {
    const [first, second, ...more] = values
    switch (name) {
      case 'include':
        return this.render(this.#definitions.get(first) ?? fail(`${first} is not defined`), newScope(second))
      case 'required':
        return print(second) === '' ? fail(first) : second
      case 'default':
        return isTrue(second) ? second : first
      case 'printf':
        return [second, ...more].reduce((text: string, value) => text.replace('%s', print(value)), first)
      case 'quote':
        return JSON.stringify(print(first))
      case 'toYaml':
        return stringify(first, { lineWidth: 0 }).trimEnd()
      case 'nindent':
        return `\n${print(second)}`.replaceAll('\n', `\n${' '.repeat(first)}`)
      case 'trunc':
        return second.slice(0, first)
      case 'trimSuffix':
        return second.endsWith(first) ? second.slice(0, -first.length) : second
      case 'index':
        return first[second]
      case 'list':
        return values
      case 'add':
        return values.reduce((sum: number, value) => sum + Number(value), 0)
      case 'not':
        return !isTrue(first)
      case 'and':
        return values.find((value) => !isTrue(value)) ?? values.at(-1)
      case 'or':
        return values.find(isTrue) ?? values.at(-1)
      default:
        return fail(`the function ${name} is unknown`)
    }
  }
}

const inner = (scope: Scope, dot: unknown): Scope => ({ dot, variables: new Map(scope.variables) })
