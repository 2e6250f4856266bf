import type { CodegenConfig } from '@graphql-codegen/cli'

// The dashboard's types, from the contract alone. A frontend of your own can copy this: change `documents` and the target.
const config: CodegenConfig = {
  schema: './schema.graphql',
  documents: ['src/dashboard/**/*.{graphql,ts,tsx}', '!src/dashboard/gql/**'],
  importExtension: '.ts',
  silent: true,
  generates: {
    './src/dashboard/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        scalars: { DateTime: 'string', Locale: 'string', URL: 'string' },
        strictScalars: true,
        enumsAsTypes: true,
        futureProofEnums: true,
        useTypeImports: true,
        onlyOperationTypes: true,
      },
    },
    // What an interface or a union can be, for the client's cache.
    './src/dashboard/gql/possible-types.ts': { plugins: ['fragment-matcher'] },
  },
}

export default config
