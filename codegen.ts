import type { CodegenConfig } from '@graphql-codegen/cli'

// What a frontend needs to generate its types from our schema; copy it and change `documents` and the target.
const config: CodegenConfig = {
  schema: './schema.graphql',
  documents: ['src/**/*.{ts,tsx}'],
  importExtension: '.ts',
  generates: {
    './src/gql/': {
      preset: 'client',
      config: {
        scalars: { DateTime: 'string', Locale: 'string', URL: 'string' },
        strictScalars: true,
        enumsAsTypes: true,
        futureProofEnums: true,
        useTypeImports: true,
      },
    },
  },
}

export default config
