import { GraphQLError } from 'graphql'
import { canonicalizeTag, parseMoment } from '../domain/validation.ts'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description: 'A point in time in UTC, in RFC 3339 format with milliseconds, such as 2026-11-22T15:04:05.123Z.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue(value) {
    const moment = typeof value === 'string' ? parseMoment(value) : undefined
    if (moment) return moment
    throw new GraphQLError('A DateTime must be a calendar date with a time and an offset, such as 2026-11-22T15:04:05Z.')
  },
})

builder.scalarType('Locale', {
  description: 'A BCP 47 tag for a language as spoken in a region, such as en-US. Input is not case-sensitive. Output is in canonical form.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc5646',
  serialize: (value) => value,
  parseValue(value) {
    const tag = typeof value === 'string' ? canonicalizeTag(value) : undefined
    if (tag) return tag
    throw new GraphQLError('A Locale must be a BCP 47 tag, such as en-US.')
  },
})

builder.scalarType('URL', {
  description: 'An absolute URL.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value === 'string' && URL.canParse(value)) return value
    throw new GraphQLError('A URL must be absolute, such as https://example.org/path.')
  },
})
