import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from '../graphql/schema.ts'

writeFileSync(resolve(import.meta.dirname, '../../schema.graphql'), `${printSchema(lexicographicSortSchema(schema))}\n`)
