import graphql from '@graphql-eslint/eslint-plugin'

export default [
  {
    files: ['**/*.graphql'],
    plugins: { '@graphql-eslint': graphql },
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: './schema.graphql' } } },
    rules: {
      ...graphql.configs['flat/schema-all'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // The schema is printed sorted by name, which differs from the rule's order for capitals and input fields.
      '@graphql-eslint/alphabetize': 'off',
      // A mutation with only an id takes the id as an argument, because an input type would add no information.
      '@graphql-eslint/input-name': 'off',
      // By default the rule forbids mutations and subscriptions altogether.
      '@graphql-eslint/no-root-type': 'off',
      // Lists and unions that always have a value are not nullable: a failure must not look like an absent value.
      '@graphql-eslint/require-nullable-result-in-root': 'off',
      // Objects with an identity are nodes with an id. Results, errors and value types such as Endpoint have no identity.
      '@graphql-eslint/strict-id-in-types': 'off',
      // Lists without pages, such as the URLs of an endpoint, are plain lists, and entries of a log are not nodes.
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false, withEdgeSuffix: true }],
    },
  },
]
