import { builder } from './builder.ts'

export const OrderDirectionEnum = builder.enumType('OrderDirection', {
  description: 'Which end of a list comes first.',
  values: { ASC: { description: 'The smallest, the oldest.' }, DESC: { description: 'The greatest, the newest.' } } as const,
})
