// The choice of an acoustic and a language model that fit each other.
import { useEffect, useMemo, useState } from 'react'
import { useMisfits, whyUnavailable } from '../format/fitting.ts'
import type { ModelEntryFragment } from '../gql/graphql.ts'
import { isWhole, type KnownModelKind, type useModels } from './models.ts'

export type LoadedModels = NonNullable<ReturnType<typeof useModels>['models']>

/** The models that are chosen when the form opens. */
export type ChosenModels = Partial<Record<KnownModelKind, ModelEntryFragment>>

const nothing: readonly ModelEntryFragment[] = []

const toKind = ({ kind }: ModelEntryFragment): KnownModelKind => (kind === 'LANGUAGE' ? 'LANGUAGE' : 'ACOUSTIC')

/**
 * A pair of compatible models. The kind that is chosen first leads: all its models can be chosen, and the models of the
 * other kind are limited to those that fit. If only one model fits, it is chosen automatically. `initial` counts at the
 * first call only.
 */
export function useModelPair(locale: string, { bases: all, own }: LoadedModels, initial: ChosenModels = {}) {
  const [pair, setPair] = useState(initial)
  const [leading, setLeading] = useState<KnownModelKind | undefined>(initial.ACOUSTIC ? 'ACOUSTIC' : initial.LANGUAGE && 'LANGUAGE')
  const bases = useMemo(() => ({ ACOUSTIC: all.filter(({ kind }) => kind === 'ACOUSTIC'), LANGUAGE: all.filter(({ kind }) => kind === 'LANGUAGE') }), [all])
  const follower = leading && (leading === 'ACOUSTIC' ? 'LANGUAGE' : 'ACOUSTIC')
  const shown = follower && own[follower].models
  const listed = useMemo(() => (follower && shown ? [...bases[follower], ...shown] : nothing), [bases, follower, shown])
  const partner = follower && pair[follower]
  // The chosen model can be on another page of the list.
  const elsewhere = partner && !listed.some(({ id }) => id === partner.id) ? partner : undefined
  const followers = useMemo(() => (elsewhere ? [...listed, elsewhere] : listed), [listed, elsewhere])
  // The current state of a chosen model if it is on the page, otherwise its state when it was chosen.
  const current = (kind: KnownModelKind) => [...bases[kind], ...own[kind].models].find(({ id }) => id === pair[kind]?.id) ?? pair[kind]
  const chosen = { acoustic: current('ACOUSTIC'), language: current('LANGUAGE') }
  const misfits = useMisfits(locale, leading === 'LANGUAGE' ? chosen.language : leading && chosen.acoustic, followers)
  const isAll = follower !== undefined && isWhole(own[follower])
  useEffect(() => {
    if (!follower || !misfits.size) return
    const fitting = followers.filter((model) => !misfits.has(model.id) && !whyUnavailable(model))
    setPair((now) => {
      const model = now[follower]
      if (model && !misfits.has(model.id)) return now
      const { [follower]: _, ...rest } = now
      return isAll && fitting.length === 1 && fitting[0] ? { ...rest, [follower]: fitting[0] } : rest
    })
  }, [misfits, followers, follower, isAll])
  const [isTouched, setTouched] = useState(false)
  const choose = (model: ModelEntryFragment) => {
    const kind = toKind(model)
    setTouched(true)
    setLeading((first) => first ?? kind)
    setPair((now) => ({ ...now, [kind]: model }))
  }
  return { chosen, choose, misfits, bases, isTouched }
}
