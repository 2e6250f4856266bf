// Frontend tools accept the schema without errors.
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { diff } from '@graphql-inspector/core'
import { buildSchema, introspectionFromSchema } from 'graphql'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from '../support/postgres.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const bin = (name: string) => join(root, 'node_modules/.bin', name)

async function makeProject(): Promise<string> {
  const dir = await makeDirectory()
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  await mkdir(join(dir, 'src'))
  await cp(join(root, 'schema.graphql'), join(dir, 'schema.graphql'))
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'))
  await writeFile(join(dir, 'package.json'), '{"type":"module"}')
  return dir
}

const node = (args: string[], cwd: string) =>
  run(process.execPath, args, { cwd, env: { PATH: process.env.PATH } }).catch((error) => Promise.reject(new Error(`${error.stdout}\n${error.stderr}`)))

test('relay-compiler compiles fragments, a connection, a refetchable node and the union', async () => {
  const dir = await makeProject()
  await writeFile(
    join(dir, 'relay.config.json'),
    JSON.stringify({
      src: './src',
      schema: './schema.graphql',
      language: 'typescript',
      artifactDirectory: './src/made',
      eagerEsModules: true,
      customScalarTypes: { DateTime: 'string', Locale: 'string', URL: 'string' },
    }),
  )
  await mkdir(join(dir, 'src/made'))
  await writeFile(
    join(dir, 'src/list.ts'),
    `import { graphql } from 'relay-runtime'
export const query = graphql\`query listQuery($count: Int!) { ...list_deployments @arguments(count: $count) viewer { workspace { name } } }\`
export const list = graphql\`fragment list_deployments on Query @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" }) @refetchable(queryName: "listPageQuery") {
  deployments(first: $count, after: $cursor) @connection(key: "list_deployments") { edges { node { id ...list_row } } } }\`
export const row = graphql\`fragment list_row on Deployment @refetchable(queryName: "listRowQuery") { id name status progress endpoint { httpUrl } acousticModel { ...list_model } }\`
export const model = graphql\`fragment list_model on Model { id name scenario }\`
export const create = graphql\`mutation listCreateMutation($input: CreateDeploymentInput!) { createDeployment(input: $input) { __typename
  ... on CreateDeploymentSuccess { deployment { ...list_row } } ... on Error { message path } ... on IncompatibleModelsError { compatibleLanguageModels { ...list_model } } } }\`
export const watch = graphql\`subscription listSubscription($after: String) { deploymentStatusChanged(after: $after) { __typename ... on DeploymentStatusChange { cursor deployment { ...list_row } } } }\`
`,
  )
  const { stdout, stderr } = await node([bin('relay-compiler')], dir)
  expect(stdout + stderr).not.toMatch(/error/i)
  expect(await readdir(join(dir, 'src/made'))).toEqual(
    expect.arrayContaining([
      'listQuery.graphql.ts',
      'listPageQuery.graphql.ts',
      'listRowQuery.graphql.ts',
      'listCreateMutation.graphql.ts',
      'listSubscription.graphql.ts',
    ]),
  )
})

test("Code Generator's client preset makes types that strict TypeScript accepts", async () => {
  const dir = await makeProject()
  await cp(join(root, 'codegen.ts'), join(dir, 'codegen.ts'))
  await mkdir(join(dir, 'src/dashboard'), { recursive: true })
  await writeFile(
    join(dir, 'src/dashboard/app.ts'),
    `import { graphql } from './gql/index.ts'
import type { DeploymentStatus } from './gql/graphql.ts'
import type { ResultOf } from '@graphql-typed-document-node/core'
export const create = graphql(\`mutation Create($input: CreateDeploymentInput!) { createDeployment(input: $input) { __typename
  ... on CreateDeploymentSuccess { deployment { id status createdAt endpoint { httpUrl } } } ... on Error { message } } }\`)
export const show = (data: ResultOf<typeof create>): string => {
  const result = data.createDeployment
  if (result.__typename !== 'CreateDeploymentSuccess') return result.message
  const status: DeploymentStatus = result.deployment.status
  return \`\${status} \${result.deployment.createdAt.slice(0, 10)} \${result.deployment.endpoint?.httpUrl ?? ''}\`
}
`,
  )
  await node([bin('graphql-codegen'), '--config', 'codegen.ts'], dir)
  await writeFile(
    join(dir, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        module: 'nodenext',
        target: 'esnext',
        allowImportingTsExtensions: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: true,
        types: [],
      },
      include: ['src'],
    }),
  )
  await node([bin('tsc')], dir)
})

test('gql.tada reads types from the schema that strict TypeScript accepts', async () => {
  const dir = await makeProject()
  const introspection = introspectionFromSchema(buildSchema(await readFile(join(root, 'schema.graphql'), 'utf8')), { descriptions: false })
  await writeFile(join(dir, 'src/introspection.ts'), `export type introspection = ${JSON.stringify(introspection)}`)
  await writeFile(
    join(dir, 'src/app.ts'),
    `import { initGraphQLTada, type ResultOf, type VariablesOf } from 'gql.tada'
import type { introspection } from './introspection.ts'
const graphql = initGraphQLTada<{ introspection: introspection; scalars: { DateTime: string; Locale: string; URL: string } }>()
export const create = graphql(\`mutation Create($input: CreateDeploymentInput!) { createDeployment(input: $input) { __typename
  ... on CreateDeploymentSuccess { deployment { id status createdAt endpoint { httpUrl } } } ... on ValidationError { fieldErrors { path message } } } }\`)
export const variables: VariablesOf<typeof create> = { input: { name: 'a', locale: 'en-US', acousticModelId: 'a', languageModelId: 'b' } }
export const show = ({ createDeployment: result }: ResultOf<typeof create>): string => {
  if (result.__typename === 'CreateDeploymentSuccess') return \`\${result.deployment.status} \${result.deployment.createdAt.slice(0, 10)} \${result.deployment.endpoint?.httpUrl ?? ''}\`
  return result.__typename === 'ValidationError' ? (result.fieldErrors[0]?.path ?? '') : result.__typename
}
const list = graphql(\`query { deployments(first: 2, orderBy: { field: NAME, direction: ASC }) { nodes { id name } } }\`)
export const name = (data: ResultOf<typeof list>): string => data.deployments.nodes[0]?.name ?? ''
// @ts-expect-error The schema has no such field.
export const wrong = (data: ResultOf<typeof list>): string => data.deployments.nodes[0]?.nome ?? ''
`,
  )
  await writeFile(
    join(dir, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { strict: true, noEmit: true, module: 'nodenext', target: 'esnext', allowImportingTsExtensions: true, skipLibCheck: true, types: [] },
      include: ['src'],
    }),
  )
  await node([bin('tsc')], dir)
})

test('the schema follows the rules of graphql-eslint, except for listed exceptions', async () => {
  const dir = await makeProject()
  await cp(join(root, 'test/graphql/schema.eslint.config.js'), join(dir, 'eslint.config.js'))
  await node([bin('eslint'), '--max-warnings', '0', 'schema.graphql'], dir)
})

test('every type, field, argument and enum value has a description', async () => {
  const lines = (await readFile(join(root, 'schema.graphql'), 'utf8')).split('\n')
  const bare = lines.filter(
    (line, n) =>
      /^ {0,4}(type|interface|union|enum|input|scalar|\w+(\(.*)?: |[A-Z_]+$)/.test(line) && !/"""$/.test(lines[n - 1] ?? '') && !/^\s*"""/.test(line),
  )
  expect(bare.filter((line) => !/^ {4}\w+: .*"""/.test(line))).toEqual([])
})

test('the commit of a breaking schema change explains the change (Schema-Change: …)', async () => {
  const git = (...args: string[]) =>
    run('git', args, { cwd: root }).then(
      ({ stdout }) => stdout,
      () => '',
    )
  const [latest = '', earlier] = (await git('log', '-2', '--format=%H', '--', 'schema.graphql')).trim().split('\n')
  if (!earlier) return
  const [before, now] = [await git('show', `${earlier}:schema.graphql`), await readFile(join(root, 'schema.graphql'), 'utf8')]
  const changes = await diff(buildSchema(before), buildSchema(now))
  const serious = changes.filter(({ criticality }) => criticality.level !== 'NON_BREAKING')
  const note = await git('log', '-1', '--format=%B', latest)
  expect(/^Schema-Change: \S/m.test(note) ? [] : serious.map(({ message }) => message)).toEqual([])
})
