import { useEffect, useState } from 'react'
import type { DeploymentRowFragment } from '../gql/graphql.ts'

/** The current time, updated while `isTicking`. */
export function useNow(isTicking = true, everyMs = 1000): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isTicking) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [isTicking, everyMs])
  return now
}

const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' })
const dayAndTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })

export const formatMoment = (iso: string) => dayAndTime.format(new Date(iso))

/** "just now", "5 min ago", "3 h ago", then the day. */
export function formatAgo(iso: string, now: number): string {
  const minutes = Math.floor((now - Date.parse(iso)) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`
  return day.format(new Date(iso))
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`
  return `${Math.round(ms / 60_000)} min`
}

/** Whole seconds: an estimate does not have the precision of tenths. */
const inSeconds = (ms: number) => (ms < 90_000 ? `${Math.ceil(ms / 1000)} s` : formatDuration(ms))

/** The estimated time left, or how long progress has stalled; undefined when neither is known. */
export function timeLeft({ status, queuePosition, stalledSince, estimatedCompletion, deadlineAt }: DeploymentRowFragment, now: number): string | undefined {
  if (stalledSince) {
    const end = deadlineAt && Date.parse(deadlineAt) > now ? `, fails in ${formatDuration(Date.parse(deadlineAt) - now)} at the latest` : ''
    return `No progress for ${formatDuration(now - Date.parse(stalledSince))}${end}`
  }
  const place = queuePosition === null || status !== 'QUEUED' ? undefined : queuePosition === 0 ? 'Next in the queue' : `${queuePosition} ahead in the queue`
  if (!estimatedCompletion) return place
  const [likely, latest] = [Date.parse(estimatedCompletion.p50) - now, Date.parse(estimatedCompletion.p90) - now]
  const left =
    likely > 1000 ? `about ${inSeconds(likely)} left` : latest > 1000 ? `up to ${inSeconds(latest)} left` : latest > -2000 ? 'almost done' : 'longer than usual'
  return place ? `${place}, ${left}` : left
}
