import { GraphQLError, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql'
import { ExpectedError } from '../domain/errors.ts'
import { builder } from './builder.ts'

/** Returns the page. Throws an expected error as an error of the request, because a connection has no union of errors. */
export async function unwrapPage<Answer>(page: Promise<Answer>): Promise<Exclude<Answer, ExpectedError>> {
  const found = await page
  if (found instanceof ExpectedError) throw new GraphQLError(found.message, { extensions: { code: found.code } })
  return found as Exclude<Answer, ExpectedError>
}

/** True when the selection of the resolved field contains a field of this name, directly or in a fragment. */
export function selects(info: GraphQLResolveInfo, name: string): boolean {
  const inSet = (set: SelectionSetNode | undefined): boolean =>
    set?.selections.some((selection) => {
      if (selection.kind === Kind.FIELD) return selection.name.value === name
      return inSet(selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : info.fragments[selection.name.value]?.selectionSet)
    }) ?? false
  return info.fieldNodes.some((node) => inSet(node.selectionSet))
}

export const OrderDirectionEnum = builder.enumType('OrderDirection', {
  description: 'The sort direction of a list.',
  values: {
    ASC: { description: 'Ascending: the smallest or oldest row comes first.' },
    DESC: { description: 'Descending: the greatest or newest row comes first.' },
  } as const,
})
