import { GraphQLError } from 'graphql'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description: 'A moment in UTC as RFC 3339 with milliseconds, such as 2026-11-22T15:04:05.123Z.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue(value) {
    const isMoment = typeof value === 'string' && /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(value)
    const moment = isMoment ? new Date(value) : undefined
    if (!moment || Number.isNaN(moment.getTime())) throw new GraphQLError('A DateTime is written like 2026-11-22T15:04:05Z.')
    return moment
  },
})

builder.scalarType('Locale', {
  description: 'A BCP 47 tag of a language as spoken in a place, such as en-US.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc5646',
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value === 'string' && /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}$/.test(value)) return value
    throw new GraphQLError('A Locale is written like en-US.')
  },
})

builder.scalarType('URL', {
  description: 'An absolute URL.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value === 'string' && URL.canParse(value)) return value
    throw new GraphQLError('A URL is written like https://example.org/path.')
  },
})
