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
      // Mutations that take nothing but an id take it plainly; an input type around it would say nothing more.
      '@graphql-eslint/input-name': 'off',
      // By default the rule forbids mutations and subscriptions altogether.
      '@graphql-eslint/no-root-type': 'off',
      // Lists and unions that always have an answer are not nullable: a failure in one must not look like "nothing there".
      '@graphql-eslint/require-nullable-result-in-root': 'off',
      // What has an identity is a Node with an id; results, errors and value types such as Endpoint have none to invent.
      '@graphql-eslint/strict-id-in-types': 'off',
      // Lists of values that are never paged, such as the URLs of an endpoint, are plain; lines of a log are not nodes.
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false, withEdgeSuffix: true }],
    },
  },
]
