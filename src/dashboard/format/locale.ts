// The client's view of locales. The current one is in the URL; the default is the last one used, then en-US, then the first.
import { useCallback, useEffect } from 'react'
import { useQuery } from 'urql'
import { useRetry } from '../api/retry.ts'
import { LocalesDocument, type LocalesQuery } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { useSearch } from '../route.ts'

export type Locale = LocalesQuery['locales'][number]

const remembered = 'locale'

/** The probable current locale, before the list of locales has been read. */
export const likelyLocale = () => new URLSearchParams(location.search).get('locale') ?? localStorage.getItem(remembered) ?? 'en-US'

export function useLocale() {
  const [{ data: read, error }, ask] = useQuery({ query: LocalesDocument })
  const data = useLast(read ?? undefined)
  const refresh = useCallback(() => ask({ requestPolicy: 'network-only' }), [ask])
  const [search, setSearch] = useSearch()
  const wanted = search.get('locale') ?? localStorage.getItem(remembered)
  useRetry(error, refresh)
  const locales = data?.locales ?? []
  const locale = locales.find(({ code }) => code === wanted) ?? locales.find(({ code }) => code === 'en-US') ?? locales[0]
  const code = locale?.code
  useEffect(() => {
    if (!code) return
    localStorage.setItem(remembered, code)
    if (search.get('locale') !== code) setSearch({ locale: code })
  }, [code, search, setSearch])
  return { locale, locales, error, refresh }
}
