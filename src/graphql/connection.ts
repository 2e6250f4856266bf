import { GraphQLError } from 'graphql'
import { ExpectedError } from '../domain/errors.ts'
import type { Page } from '../domain/page.ts'

/** Lists have no union to refuse in, so a page that cannot be had is an error of the request. */
export async function unwrapPage<Row>(page: Promise<Page<Row> | ExpectedError>): Promise<Page<Row>> {
  const found = await page
  if (found instanceof ExpectedError) throw new GraphQLError(found.message, { extensions: { code: found.code } })
  return found
}
