import { GraphQLError } from 'graphql'
import { ExpectedError } from '../domain/errors.ts'

/** Lists have no union to refuse in, so a page that cannot be had is an error of the request. */
export async function unwrapPage<Answer>(page: Promise<Answer>): Promise<Exclude<Answer, ExpectedError>> {
  const found = await page
  if (found instanceof ExpectedError) throw new GraphQLError(found.message, { extensions: { code: found.code } })
  return found as Exclude<Answer, ExpectedError>
}
