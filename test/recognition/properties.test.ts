// Random operations from the schema, and random orders of actions compared with a model.
import * as fc from 'fast-check'
import {
  buildClientSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let schema: GraphQLSchema
let ids: string[]
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_DEPLOYMENTS: '5000', MAX_MUTATIONS_PER_KEY: '1000000', MAX_MUTATIONS_PER_WORKSPACE: '1000000' })
  schema = buildClientSchema((await api.ask(getIntrospectionQuery({ oneOf: true }))).data as never)
  const { data } = await api.ask('{ models(first: 4) { nodes { id } } viewer { key { id } workspace { id } } }')
  const { deployment } = await api.create()
  ids = [deployment.id, data?.viewer.workspace.id, ...(data?.models.nodes.map(({ id }: { id: string }) => id) ?? []), 'garbage', '']
})
afterAll(() => api.close())

const strange = fc.oneof(fc.string({ unit: 'binary', maxLength: 30 }), fc.constantFrom('', '\u0000', '\uD800', '%', "'; --", '__proto__', 'x'.repeat(2000)))

const pick = <T>(items: readonly T[], random: fc.GeneratorValue) => items[random(fc.nat, items.length - 1)] as T

/** A literal of the type, meaningful or random. */
function literal(type: GraphQLInputType, random: fc.GeneratorValue, depth = 0): string {
  if (isNonNullType(type)) return literal(type.ofType, random, depth)
  if (random(fc.integer, { min: 0, max: 7 }) === 0) return 'null'
  return required(type, random, depth)
}

function required(type: GraphQLInputType, random: fc.GeneratorValue, depth: number): string {
  if (isNonNullType(type)) return required(type.ofType, random, depth)
  if (isListType(type)) return `[${Array.from({ length: random(fc.integer, { min: 0, max: 3 }) }, () => required(type.ofType, random, depth + 1)).join(', ')}]`
  if (isEnumType(type)) return pick(type.getValues(), random).name
  if (isInputObjectType(type)) {
    if (type.isOneOf) {
      const only = pick(Object.values(type.getFields()), random)
      return `{ ${only.name}: ${required(only.type, random, depth + 1)} }`
    }
    const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type) || (depth < 3 && random(fc.boolean)))
    return `{ ${fields.map((field) => `${field.name}: ${isNonNullType(field.type) ? required(field.type, random, depth + 1) : literal(field.type, random, depth + 1)}`).join(', ')} }`
  }
  const scalars: Record<string, () => string> = {
    Int: () => String(random(fc.integer, { min: -5, max: 150 })),
    Float: () => String(random(fc.integer)),
    Boolean: () => String(random(fc.boolean)),
    DateTime: () => JSON.stringify(random(fc.constantFrom, '2030-01-01T00:00:00Z', '1970-01-01T00:00:00Z')),
    // An address that the server must not call.
    URL: () => JSON.stringify('https://127.0.0.1:9/model.tar.gz'),
    Locale: () => JSON.stringify(random(fc.constantFrom, 'en-US', 'de', 'zh-Hant-TW')),
    ID: () => JSON.stringify(random(fc.constantFrom, ...ids)),
  }
  return scalars[type.name]?.() ?? JSON.stringify(random(() => strange))
}

const callArguments = (args: readonly GraphQLArgument[], random: fc.GeneratorValue) => {
  const chosen = args.filter((arg) => isNonNullType(arg.type) || random(fc.boolean))
  return chosen.length
    ? `(${chosen.map((arg) => `${arg.name}: ${isNonNullType(arg.type) ? required(arg.type, random, 0) : literal(arg.type, random)}`).join(', ')})`
    : ''
}

function selection(type: GraphQLNamedType, random: fc.GeneratorValue, depth: number): string {
  const parts = ['__typename']
  if (isObjectType(type) || isInterfaceType(type)) {
    const fields = Object.values(type.getFields())
    for (let n = 0; n < 3; n++) parts.push(field(pick(fields, random), random, depth, n))
  }
  if ((isUnionType(type) || isInterfaceType(type)) && depth < 4) {
    const some = pick(schema.getPossibleTypes(type), random)
    parts.push(`... on ${some.name} ${selection(some, random, depth + 1)}`)
  }
  return `{ ${parts.join(' ')} }`
}

function field(definition: GraphQLField<unknown, unknown>, random: fc.GeneratorValue, depth: number, n: number): string {
  const type = getNamedType(definition.type)
  const isLeaf = !isObjectType(type) && !isInterfaceType(type) && !isUnionType(type)
  if (!isLeaf && depth >= 5) return ''
  // Each field has an alias, because equal names with different arguments cannot be merged.
  return `f${depth}_${n}_${random(fc.nat, 1e6)}: ${definition.name}${callArguments(definition.args, random)} ${isLeaf ? '' : selection(type, random, depth + 1)}`
}

test.each(['query', 'mutation'] as const)('200 random %s operations cause no masked error', { timeout: 120_000 }, async (operation) => {
  const root = operation === 'query' ? schema.getQueryType() : schema.getMutationType()
  if (!root) throw new Error('no root type')
  const harmless = Object.values(root.getFields()).filter(({ name }) => name !== 'revokeKey')
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (random) => {
      const document = `${operation} { ${field(pick(harmless, random), random, 0, 0)} }`
      const { errors } = await api.ask(document)
      expect(errors?.filter(({ extensions }) => extensions?.code === 'INTERNAL_SERVER_ERROR') ?? [], document).toEqual([])
      expect(errors?.filter(({ extensions }) => extensions?.code === 'GRAPHQL_VALIDATION_FAILED') ?? [], document).toEqual([])
    }),
    { numRuns: 200 },
  )
})

type Status = 'QUEUED' | 'CANCELED' | 'gone'

test('any order of create, cancel, retry, update and delete ends in the state of the model', { timeout: 120_000 }, async () => {
  const actions = fc.array(fc.constantFrom('cancel', 'retry', 'update', 'delete'), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(actions, async (sequence) => {
      const { deployment } = await api.create()
      const { id } = deployment
      let model: Status = 'QUEUED'
      let changes = 1
      for (const action of sequence) {
        const mutation = action === 'update' ? `updateDeployment(input: { id: "${id}", description: "${changes}" })` : `${action}Deployment(id: "${id}")`
        const { data } = await api.ask(`mutation { answer: ${mutation} { __typename } }`)
        const succeeded = data?.answer.__typename.endsWith('Success')
        const [allowed, next]: [boolean, Status] =
          model === 'gone'
            ? [action === 'delete', 'gone']
            : action === 'cancel'
              ? [true, 'CANCELED']
              : action === 'retry'
                ? [model === 'CANCELED', 'QUEUED']
                : [true, action === 'delete' ? 'gone' : model]
        expect(succeeded, `${action} in ${model}`).toBe(allowed)
        if (!allowed) continue
        if (model !== next || action === 'update') changes++
        model = next
        const found = (await api.ask('query ($id: ID!) { deployment(id: $id) { status sequence timeline(first: 50) { totalCount } } }', { id })).data
          ?.deployment
        expect(found).toEqual(model === 'gone' ? null : { status: model, sequence: changes, timeline: { totalCount: changes } })
      }
    }),
    { numRuns: 40 },
  )
})
