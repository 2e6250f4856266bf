/** Documents near or beyond the limits, which take the most time of the parser, the limits, the validation and the compiler. */
const many = (times: number, make: (n: number) => string) => Array.from({ length: times }, (_, n) => make(n)).join(' ')
const nested = (times: number, open: string, inner: string, close: string) => `${open.repeat(times)}${inner}${close.repeat(times)}`

export const documents: Record<string, string> = {
  'fields of 2 MB': `{${'a '.repeat(950_000)}}`,
  'comment of 2 MB': `{__typename #${'x'.repeat(1_900_000)}\n}`,
  'broken document of 2 MB': `{${'a '.repeat(950_000)}`,
  'variables of 2 MB': `query(${many(130_000, (n) => `$a${n}:ID`)}){__typename}`,
  fields: `{${'a '.repeat(32_700)}}`,
  comments: `{__typename ${'#\n'.repeat(32_700)}}`,
  broken: `{${'a '.repeat(32_700)}`,
  variables: `query(${many(5_000, (n) => `$a${n}:ID`)}){__typename}`,
  'variables of unknown types': `query(${many(2_400, (n) => `$a${n}:T${n}`)}){__typename}`,
  'undeclared variables': `{nodes(ids:[${many(4_900, (n) => `$a${n}`)}]){id}}`,
  directives: `query ${'@a '.repeat(21_000)}{__typename}`,
  'directives of variables': `query($a:ID ${'@a '.repeat(4_900)}){__typename}`,
  fragments: `{__typename} ${many(1_900, (n) => `fragment f${n} on Query{__typename}`)}`,
  'fragments side by side': `{${many(99, (n) => `...f${n}`)}} ${many(99, (n) => `fragment f${n} on Query{deployments{nodes{id name}}}`)}`,
  'a chain of fragments': `{...f0} ${many(900, (n) => `fragment f${n} on Query{...f${n + 1}}`)} fragment f900 on Query{__typename}`,
  'a bomb of fragments': `{...f0} ${many(20, (n) => `fragment f${n} on Query{...f${n + 1} a${n}:__typename ...f${n + 1}}`)} fragment f20 on Query{__typename}`,
  'spreads of nothing': `{${many(990, (n) => `...g${n}`)}}`,
  operations: many(3_300, (n) => `query a${n}{a}`),
  'operations with one chain': `${many(45, (n) => `query a${n}{...f0}`)} ${many(45, (n) => `fragment f${n} on Query{...f${n + 1}}`)} fragment f45 on Query{__typename}`,
  'subscriptions with one fragment': `${many(800, (n) => `subscription s${n}{...F}`)} fragment F on Subscription{deploymentStatusChanged{__typename}}`,
  'fields of a subscription': `subscription{${many(900, (n) => `a${n}`)}}`,
  types: many(2_400, (n) => `type a${n}{a:a}`),
  'an enum': `enum E{${many(9_900, (n) => `A${n}`)}}`,
  'levels of fields': nested(16_000, '{a', '', '}'),
  'levels of fields within the parser': nested(190, '{a', '', '}'),
  'levels of lists': `{node(id:${nested(16_000, '[', '', ']')}){id}}`,
  'levels of lists within the parser': `{node(id:${nested(190, '[', '', ']')}){id}}`,
  'levels of objects': `{node(id:${nested(9_000, '{a:', '1', '}')}){id}}`,
  'levels of types': `query($a:${nested(16_000, '[', 'ID', ']')}){__typename}`,
  'levels of inline fragments': nested(9_000, '{...', '{a}', '}'),
  'a list': `{nodes(ids:[${'1 '.repeat(9_900)}]){id}}`,
  'an object': `{node(id:{${many(3_300, (n) => `a${n}:1`)}}){id}}`,
  'an object of one name': `{node(id:{${'a:1 '.repeat(3_300)}}){id}}`,
  'arguments of one name': `{node(${'id:1 '.repeat(3_300)}){id}}`,
  'unknown arguments': `{node(${many(3_300, (n) => `a${n}:1`)}){id}}`,
  'unknown input fields': `mutation{createLanguageModel(input:{${many(3_300, (n) => `nam${n}:1`)}}){__typename}}`,
  'unknown fields': `{${many(900, (n) => `deployment${n}`)}}`,
  'unknown enum values': `{models(where:{kind:[${many(6_000, (n) => `A${n}`)}]}){totalCount}}`,
  'fields that conflict': `{${many(20, (n) => `models(first:${n}){nodes{id}}`)}}`,
  'long arguments that overlap': `{${many(20, () => `nodes(ids:[${many(300, (n) => `"${n}"`)}]){id}`)}}`,
  'overlapping fields': `{${'models{nodes{id name}} '.repeat(20)}${'deployments{nodes{id name acousticModel{id name locale} languageModel{id name locale}}} '.repeat(20)}}`,
  'a long name': `{${'a'.repeat(65_000)}}`,
  'a long string': `{node(id:"${'a'.repeat(65_000)}"){id}}`,
  'a long number': `{deployments(first:${'1'.repeat(65_000)}){totalCount}}`,
  'many aliases': `{${many(95, (n) => `a${n}:deployments(first:1){nodes{id}}`)}}`,
  introspection: `{${many(90, (n) => `a${n}:__type(name:"Deployment"){fields{name type{name}}}`)}}`,
}

const node = 'query($id:ID!){node(id:$id){id}}'
const create = 'mutation($input:CreateLanguageModelInput!){createLanguageModel(input:$input){__typename ... on ValidationError{fieldErrors{path message}}}}'
const input = { name: 'x', locale: 'en-US', baseModelId: 'x' }
const bytes = 1_900_000
const body = (query: string, variables: string) => `{"query":${JSON.stringify(query)},"variables":${variables}}`
const padded = (entry: string) => Array.from({ length: Math.floor(bytes / (entry.length + 1)) }, () => entry).join(',')

/** Bodies that take the most time of JSON.parse and the coercion of variables. */
export const bodies: Record<string, string> = {
  'levels of arrays': body(node, `{"id":${nested(bytes / 2, '[', '', ']')}}`),
  'levels of objects': body(node, `{"id":${nested(Math.floor(bytes / 6), '{"a":', '1', '}')}}`),
  objects: body(node, `{"id":[${padded('{}')}]}`),
  numbers: body(node, `{"id":[${padded('1')}]}`),
  names: body(node, `{${Array.from({ length: 150_000 }, (_, n) => `"a${n}":1`).join(',')}}`),
  quotes: body(node, `{"id":"${'\\"'.repeat(bytes / 2)}"}`),
  'a text': body(node, `{"id":"${'x'.repeat(bytes)}"}`),
  spaces: body(node, `{"id":${' '.repeat(bytes)}"x"}`),
  'no JSON': 'x'.repeat(bytes),
  'a name of an operation': `{"query":"{locales{code}}","operationName":"${'x'.repeat(bytes)}"}`,
  'an unexpected parameter': `{"query":"{locales{code}}","${'x'.repeat(bytes)}":1}`,
  'a hash': `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"${'a'.repeat(bytes)}"}}}`,
  'an object with mistakes': body(
    create,
    JSON.stringify({ input: { ...input, text: 'x'.repeat(bytes), ...Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`a${n}`, 1])) } }),
  ),
  'long strings for numbers': body('query($n:Int){deployments(first:$n){totalCount}}', JSON.stringify({ n: 'x'.repeat(bytes) })),
  phrases: body(create, JSON.stringify({ input: { ...input, text: 'a', phrases: Array.from({ length: 9_000 }, () => '') } })),
  'a text of short lines': body(create, JSON.stringify({ input: { ...input, text: 'a\n'.repeat(490_000) } })),
  'a text of empty lines': body(create, JSON.stringify({ input: { ...input, text: '\n'.repeat(940_000) } })),
  'a text of long lines': body(create, JSON.stringify({ input: { ...input, text: `${'we walked along the river '.repeat(300)}\n`.repeat(120) } })),
}
