import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLError,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql'
import { operationTooLarge } from './document-limits.ts'
import { IntrospectionWeigher, introspectionLimit } from './introspection-cost.ts'

/** The limits of one operation and of one connection. */
export interface OperationLimits {
  /** Each field costs 1. A list multiplies the cost of its content by the maximum number of rows. */
  cost: number
  depth: number
  subscriptionsPerSocket: number
  /** WebSockets and event streams. */
  socketsPerKey: number
}

export type Variables = Readonly<Record<string, unknown>> | null | undefined

/** Limits of a whole document, before fragments are spread. Validation compares many of these nodes with each other. */
const maxCounts = { aliases: 100, directives: 50, selections: 1000, definitions: 100, 'fragment spreads': 200, variables: 200 }
/** The limit on equal response names in one selection set. The cost of merging them grows with the square. */
const maxRepeats = 20
/** Introspection nests deeper than data: a type has fields, and a field has a type. */
const introspectionDepth = 20
/** The assumed number of rows of a page without `first` or `last`, and of a list without pages. */
const assumedPage = 20
const assumedList = 10
const maxPage = 100

/** The limits above that `viewer.limits.document` shows. */
export const documentLimits = {
  ...maxCounts,
  repeats: maxRepeats,
  introspectionDepth,
}

interface Shape {
  cost: number
  depth: number
  /** The number of fields with all fragments spread. Fields in lists count once. */
  fields: number
}

const nothing: Shape = { cost: 0, depth: 0, fields: 0 }
const leaf: Shape = { cost: 1, depth: 1, fields: 1 }

/**
 * Refuses a document over a limit, before validation, because some documents attack validation. The check takes linear
 * time: each fragment is measured once. Documents that pass with any variables are added to `always`, if given.
 */
export function checkOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Variables,
  limits: OperationLimits,
  always?: WeakSet<DocumentNode>,
): GraphQLError | undefined {
  if (always?.has(document)) return undefined
  try {
    if (!new Walk(schema, document, variables, limits).check().readsVariables) always?.add(document)
    return undefined
  } catch (error) {
    if (error instanceof TooMuch) return operationTooLarge(error.message, error.figures)
    throw error
  }
}

/** The number of fields of the largest operation in an accepted document, with all fragments spread. */
export function countFields(schema: GraphQLSchema, document: DocumentNode): number {
  return new Walk(schema, document, undefined, { cost: Number.POSITIVE_INFINITY, depth: Number.POSITIVE_INFINITY }).check().fields
}

class TooMuch extends Error {
  readonly figures: object
  constructor(message: string, figures: object) {
    super(message)
    this.figures = figures
  }
}

type CostLimits = Pick<OperationLimits, 'cost' | 'depth'>

class Walk {
  /** The number of fields of the largest operation. */
  fields = 0
  /** True when the cost depends on a variable, such as the size of a page. */
  readsVariables = false
  readonly #schema: GraphQLSchema
  readonly #document: DocumentNode
  readonly #variables: Variables
  readonly #limits: CostLimits
  readonly #fragments = new Map<string, FragmentDefinitionNode>()
  /** The default values of variables. Operations can declare different defaults for one name. */
  readonly #defaults = new Map<string, ValueNode[]>()
  readonly #shapes = new Map<string, Shape>()
  readonly #introspection: IntrospectionWeigher
  readonly #counts = { aliases: 0, directives: 0, selections: 0, definitions: 0, 'fragment spreads': 0, variables: 0 }

  constructor(schema: GraphQLSchema, document: DocumentNode, variables: Variables, limits: CostLimits) {
    this.#schema = schema
    this.#document = document
    this.#variables = variables
    this.#limits = limits
    this.#introspection = new IntrospectionWeigher(schema, this.#fragments, introspectionLimit(schema))
    this.#count('definitions', document.definitions.length)
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition)
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue
      this.#count('variables', definition.variableDefinitions?.length)
      for (const { variable, defaultValue } of definition.variableDefinitions ?? []) {
        if (defaultValue) this.#defaults.set(variable.name.value, [...(this.#defaults.get(variable.name.value) ?? []), defaultValue])
      }
    }
  }

  check(): this {
    for (const definition of this.#document.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue
      this.#count('directives', definition.directives?.length)
      const root = this.#schema.getRootType(definition.operation) ?? undefined
      const { cost, depth, fields } = this.#measure(definition.selectionSet, root)
      this.fields = Math.max(this.fields, fields)
      if (cost > this.#limits.cost) {
        const message = `The operation costs ${cost}, and the limit is ${this.#limits.cost}. Request shorter pages or fewer fields.`
        throw new TooMuch(message, { cost, limit: this.#limits.cost })
      }
      if (depth > this.#limits.depth)
        throw new TooMuch(`The operation is ${depth} levels deep, and the limit is ${this.#limits.depth}. Request fewer nested fields.`, {
          depth,
          limit: this.#limits.depth,
        })
    }
    for (const name of this.#fragments.keys()) this.#measureFragment(name)
    return this
  }

  #measure(set: SelectionSetNode, type: GraphQLCompositeType | undefined): Shape {
    const shape: Shape = { ...nothing }
    const repeats = new Map<string, number>()
    this.#count('selections', set.selections.length)
    for (const selection of set.selections) {
      this.#count('directives', selection.directives?.length)
      if (selection.kind === Kind.FRAGMENT_SPREAD) this.#count('fragment spreads', 1)
      const name =
        selection.kind === Kind.FIELD
          ? (selection.alias ?? selection.name).value
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? `...${selection.name.value}`
            : '...'
      const times = (repeats.get(name) ?? 0) + 1
      repeats.set(name, times)
      if (times > maxRepeats)
        throw new TooMuch(`One selection set selects "${name}" more than ${maxRepeats} times, which is the limit. Select "${name}" once.`, {
          limit: maxRepeats,
        })
      const inner =
        selection.kind === Kind.FIELD
          ? this.#measureField(selection, type)
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? this.#measureFragment(selection.name.value)
            : this.#measure(selection.selectionSet, this.#typeNamed(selection.typeCondition?.name.value) ?? type)
      shape.cost += inner.cost
      shape.fields += inner.fields
      shape.depth = Math.max(shape.depth, inner.depth)
    }
    return shape
  }

  #measureField(field: FieldNode, type: GraphQLCompositeType | undefined): Shape {
    if (field.alias && field.alias.value !== field.name.value) this.#count('aliases', 1)
    if (!field.selectionSet) return leaf
    const definition = type && (isObjectType(type) || isInterfaceType(type)) ? type.getFields()[field.name.value] : undefined
    const named = definition && getNamedType(definition.type)
    const inner = this.#measure(field.selectionSet, isCompositeType(named) ? named : undefined)
    if (field.name.value.startsWith('__')) {
      if (inner.depth > introspectionDepth)
        throw new TooMuch(`The introspection is more than ${introspectionDepth} levels deep, which is the limit. Request fewer nested fields.`, {
          depth: inner.depth,
          limit: introspectionDepth,
        })
      if (this.#introspection.add(field)) {
        const limit = introspectionLimit(this.#schema)
        throw new TooMuch(`The introspection returns more than ${limit} fields, which is the limit. Request fewer types at once.`, { limit })
      }
      // The weigher has counted these fields exactly. The factors for lists apply to data only.
      return { ...leaf, fields: 1 + inner.fields }
    }
    // The arguments `first` and `last` of a connection bound its edges and nodes.
    const rows = definition?.args.some(({ name }) => name === 'first')
      ? this.#pageSize(field)
      : definition && isList(definition.type) && !isInConnection(type)
        ? this.#listLength(field)
        : 1
    return { cost: 1 + rows * inner.cost, depth: inner.depth + 1, fields: 1 + inner.fields }
  }

  #measureFragment(name: string): Shape {
    const known = this.#shapes.get(name)
    if (known) return known
    const fragment = this.#fragments.get(name)
    // A fragment inside itself costs nothing here. Validation refuses it.
    this.#shapes.set(name, nothing)
    const shape = fragment ? this.#measure(fragment.selectionSet, this.#typeNamed(fragment.typeCondition.name.value)) : nothing
    this.#shapes.set(name, shape)
    return shape
  }

  #typeNamed(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : this.#schema.getType(name)
    return isCompositeType(type) ? type : undefined
  }

  #pageSize(field: FieldNode): number {
    const sizes = field.arguments?.filter(({ name }) => name.value === 'first' || name.value === 'last').flatMap(({ value }) => this.#read(value)) ?? []
    const sizesGiven = sizes.filter((size) => typeof size === 'number')
    return sizesGiven.length ? Math.max(0, Math.min(maxPage, Math.max(...sizesGiven))) : assumedPage
  }

  #listLength(field: FieldNode): number {
    if (field.name.value.startsWith('compatible')) return maxPage
    const lists = field.arguments?.flatMap(({ value }) => this.#read(value)).filter(Array.isArray) ?? []
    return lists.length ? Math.min(maxPage, Math.max(...lists.map((list) => list.length))) : assumedList
  }

  /** The possible values of an argument. A list is one value. */
  #read(value: ValueNode): unknown[] {
    if (value.kind === Kind.INT) return [Number(value.value)]
    if (value.kind === Kind.LIST) return [value.values]
    if (value.kind !== Kind.VARIABLE) return []
    this.readsVariables = true
    const given = this.#variables?.[value.name.value]
    return given === undefined ? (this.#defaults.get(value.name.value) ?? []).flatMap((known) => this.#read(known)) : [given]
  }

  #count(what: keyof typeof maxCounts, more = 0) {
    this.#counts[what] += more
    if (this.#counts[what] > maxCounts[what])
      throw new TooMuch(`The document has more than ${maxCounts[what]} ${what}, which is the limit. Send several smaller documents.`, {
        limit: maxCounts[what],
      })
  }
}

const isList = (type: unknown): boolean => isListType(type) || (isNonNullType(type) && isList(type.ofType))
const isInConnection = (type: GraphQLCompositeType | undefined) => type?.name.endsWith('Connection') ?? false
