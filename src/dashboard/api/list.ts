// Converts the URL of the list of deployments to query variables.

import { inProgress, type Status } from '../format/words.ts'
import type { DeploymentsQueryVariables } from '../gql/graphql.ts'

export const deploymentsPerPage = 50
const sortFields = ['CREATED_AT', 'NAME', 'STATUS'] as const

export const statusGroups: { name: string; value: string; statuses: Status[] }[] = [
  { name: 'In progress', value: 'progress', statuses: inProgress },
  { name: 'Complete', value: 'complete', statuses: ['COMPLETE'] },
  { name: 'Suspended', value: 'suspended', statuses: ['SUSPENDED'] },
  { name: 'Failed', value: 'failed', statuses: ['FAILED'] },
  { name: 'Canceled', value: 'canceled', statuses: ['CANCELED'] },
]

export function toVariables(search: URLSearchParams, locale: string): DeploymentsQueryVariables {
  const [after, before, sort] = [search.get('after'), search.get('before'), search.get('sort') ?? '-CREATED_AT']
  const group = statusGroups.find(({ value }) => value === search.get('status'))
  return {
    ...(before ? { last: deploymentsPerPage, before } : { first: deploymentsPerPage, ...(after && { after }) }),
    where: { locale, ...(search.get('q') && { text: search.get('q') }), ...(group && { statuses: group.statuses }) },
    orderBy: { field: sortFields.find((field) => field === sort.replace('-', '')) ?? 'CREATED_AT', direction: sort.startsWith('-') ? 'DESC' : 'ASC' },
  }
}
