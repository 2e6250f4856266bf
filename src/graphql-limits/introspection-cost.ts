import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  introspectionTypes,
  isObjectType,
  Kind,
  parse,
  SchemaMetaFieldDef,
  type SelectionSetNode,
} from 'graphql'

/** The introspection query that tools send, with every option. */
const standardQuery = parse(
  getIntrospectionQuery({
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  }),
)
/** Some tools request more than the standard query, or request it twice. */
const timesStandard = 3

const limits = new WeakMap<GraphQLSchema, number>()

/** The maximum number of fields that the introspection of one document can return. */
export function introspectionLimit(schema: GraphQLSchema): number {
  const known = limits.get(schema)
  if (known) return known
  const fragments = new Map(
    standardQuery.definitions.flatMap((definition) => (definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [])),
  )
  const weigher = new IntrospectionWeigher(schema, fragments, Number.POSITIVE_INFINITY)
  for (const field of rootFields(standardQuery)) weigher.add(field)
  const limit = weigher.total * timesStandard
  limits.set(schema, limit)
  return limit
}

const rootFields = (document: DocumentNode) =>
  document.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? definition.selectionSet.selections.filter((selection) => selection.kind === Kind.FIELD) : [],
  )

/**
 * Counts the fields that introspection would return. The count is exact, because the schema is known: each selection is
 * visited once for each type, field or argument that it applies to. Counting stops at the limit.
 */
export class IntrospectionWeigher {
  total = 0
  readonly #schema: GraphQLSchema
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly #limit: number
  readonly #known = new WeakMap<SelectionSetNode, Map<unknown, number>>()
  readonly #info: GraphQLResolveInfo
  #steps = 0

  constructor(schema: GraphQLSchema, fragments: ReadonlyMap<string, FragmentDefinitionNode>, limit: number) {
    this.#schema = schema
    this.#fragments = fragments
    this.#limit = limit
    this.#info = { schema } as GraphQLResolveInfo
  }

  /** Adds a `__schema` or `__type` field. True when the document exceeds the limit. */
  add(field: FieldNode): boolean {
    if (!field.selectionSet) return false
    const isWhole = field.name.value === SchemaMetaFieldDef.name
    this.total += isWhole ? this.#weigh(field.selectionSet, this.#schema, introspectionTypes[0] as GraphQLObjectType) : this.#weighType(field)
    return this.total > this.#limit
  }

  /** The weight of a named type, or of the heaviest type when a variable contains the name. */
  #weighType({ arguments: given, selectionSet }: FieldNode): number {
    const type = introspectionTypes.find(({ name }) => name === '__Type') as GraphQLObjectType
    const value = given?.find(({ name }) => name.value === 'name')?.value
    const named = value?.kind === Kind.STRING ? [this.#schema.getType(value.value)] : Object.values(this.#schema.getTypeMap())
    let heaviest = 0
    for (const each of named) if (each && selectionSet) heaviest = Math.max(heaviest, this.#weigh(selectionSet, each, type))
    return heaviest
  }

  #weigh(set: SelectionSetNode, source: object, type: GraphQLObjectType): number {
    const weights = this.#known.get(set) ?? new Map<unknown, number>()
    this.#known.set(set, weights)
    const known = weights.get(source)
    if (known !== undefined) return known
    // A fragment inside itself costs nothing here. Validation refuses it.
    weights.set(source, 0)
    let weight = 0
    for (const selection of set.selections) {
      if (++this.#steps > this.#limit) return Number.POSITIVE_INFINITY
      if (selection.kind === Kind.FIELD) weight += this.#weighField(selection, source, type)
      else {
        const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : this.#fragments.get(selection.name.value)?.selectionSet
        if (inner) weight += this.#weigh(inner, source, type)
      }
      if (weight > this.#limit) break
    }
    weights.set(source, weight)
    return weight
  }

  #weighField(field: FieldNode, source: object, type: GraphQLObjectType): number {
    const definition = type.getFields()[field.name.value]
    const inner = definition && getNamedType(definition.type)
    if (!field.selectionSet || !isObjectType(inner)) return 1
    const found: unknown = definition?.resolve?.(source, { includeDeprecated: true }, {}, this.#info)
    let weight = 1
    for (const each of Array.isArray(found) ? found : found ? [found] : []) weight += this.#weigh(field.selectionSet, each, inner)
    return weight
  }
}
