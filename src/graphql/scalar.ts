import { GraphQLError, Kind } from 'graphql'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description: 'A moment in UTC as RFC 3339 with milliseconds, such as 2026-11-22T15:04:05.123Z.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue(value) {
    const moment = typeof value === 'string' ? new Date(value) : undefined
    if (!moment || Number.isNaN(moment.getTime())) throw new GraphQLError('A DateTime is written like 2026-11-22T15:04:05Z.')
    return moment
  },
})

builder.scalarType('URL', {
  description: 'An absolute URL.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value !== 'string' || !URL.canParse(value)) throw new GraphQLError('A URL is written like https://example.org/path.')
    return value
  },
  parseLiteral(node) {
    if (node.kind !== Kind.STRING || !URL.canParse(node.value)) throw new GraphQLError('A URL is written like "https://example.org/path".')
    return node.value
  },
})
