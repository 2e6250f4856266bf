// The models of a locale: all base models at once, and custom models page by page.
import { useState } from 'react'
import { useQuery } from 'urql'
import { BaseModelsDocument, type ModelDetailFragment, type ModelKind, OwnModelsDocument, type PageBoundsFragment } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import type { PagePosition } from '../parts/pagination.tsx'
import { useModelChanges, useModelsRenewed } from './model-changes.ts'
import { useRetry } from './retry.ts'

export type KnownModelKind = Extract<ModelKind, 'ACOUSTIC' | 'LANGUAGE'>

export const modelsPerPage = 24

export interface OwnModels {
  models: readonly ModelDetailFragment[]
  totalCount: number
  pageInfo: PageBoundsFragment | undefined
  offset: number
  /** The search text for names and descriptions. */
  text: string
  search: (text: string) => void
  go: (page: PagePosition) => void
}

/** True when the list needs a search field and pages. */
export const isLong = ({ text, totalCount }: OwnModels) => text !== '' || totalCount > modelsPerPage

/** True when all models of the list are loaded. */
export const isWhole = ({ text, totalCount, models }: OwnModels) => text === '' && totalCount === models.length

/** The calling component needs the locale as its `key`. `models` is undefined until all lists have been read once. */
export function useModels(locale: string) {
  const [{ data: read, error }, again] = useQuery({ query: BaseModelsDocument, variables: { locale } })
  const data = useLast(read ?? undefined)
  const acoustic = useOwnModels('ACOUSTIC', locale)
  const language = useOwnModels('LANGUAGE', locale)
  const refresh = () => {
    for (const ask of [again, acoustic.again, language.again]) ask({ requestPolicy: 'network-only' })
  }
  useModelsRenewed(refresh)
  // urql shares one stream between lists with the same cursor, so each change refreshes both.
  const refreshOwn = () => {
    for (const ask of [acoustic.again, language.again]) ask({ requestPolicy: 'network-only' })
  }
  useModelChanges(acoustic.after, refreshOwn)
  useModelChanges(language.after, refreshOwn)
  const isRead = data && acoustic.isRead && language.isRead
  const models = isRead ? { bases: data.models.nodes, own: { ACOUSTIC: acoustic.own, LANGUAGE: language.own } } : undefined
  const problem = error ?? acoustic.error ?? language.error
  useRetry(problem, refresh)
  return { models, error: problem, refresh }
}

function useOwnModels(kind: KnownModelKind, locale: string) {
  const [text, search] = useState('')
  const [page, go] = useState<PagePosition>()
  const { offset = 0, ...bounds } = page ?? {}
  const size = page && 'before' in page ? { last: modelsPerPage } : { first: modelsPerPage }
  const variables = { ...size, ...bounds, where: { locale, kind, isBase: false, ...(text && { text }) } }
  const [{ data: read, error, stale }, again] = useQuery({ query: OwnModelsDocument, variables })
  const data = useLast(read?.models)
  // The new list will have another cursor, so no stream begins while it is read.
  const after = stale ? undefined : data?.changesCursor
  // All models of this page have been deleted.
  if (page && read?.models.nodes.length === 0) go(undefined)
  const searchFirstPage = (wanted: string) => {
    go(undefined)
    search(wanted)
  }
  const own: OwnModels = { models: data?.nodes ?? [], totalCount: data?.totalCount ?? 0, pageInfo: data?.pageInfo, offset, text, search: searchFirstPage, go }
  return { own, isRead: data !== undefined, error, again, after }
}
