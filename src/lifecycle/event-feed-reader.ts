import DataLoader from 'dataloader'
import { createLookUp } from '../postgres/look-up.ts'
import type { Store } from '../postgres/store.ts'
import type { EventLog, ReadPosition, EventScope, LoggedEvent } from './event-log.ts'

/** What a feed reads of a log. */
export type FeedLog<Event extends LoggedEvent> = Pick<EventLog<never, Event>, 'name' | 'selectMany' | 'rowOf'>

/** Events that one place is read at once. */
export const batch = 200
/** Workspaces that are read at once. */
const maxBatchSize = 100

export interface EventReader<Event> {
  /** The newest batch, newest first. */
  readTail(workspaceId: string): Promise<Event[]>
  findNewest(scope: EventScope): Promise<Event | undefined>
  /** The batch behind a place. */
  readBehind(place: ReadPosition): Promise<Event[]>
}

/** Reads one log for all feeds of the process, so that they can share statements. */
export function createEventReader<Event extends LoggedEvent>(db: Store['db'], { selectMany }: FeedLog<Event>): EventReader<Event> {
  const behind = async (places: readonly ReadPosition[]) => toFinder(places, await selectMany(db, places, 'oldest', batch))
  const newest = async (places: readonly ReadPosition[]) => toFinder(places, await selectMany(db, places, 'newest', 1))
  // News must not wait for a statement under way; those that come in one go, as when every feed is rung, are read in one.
  const ofWorkspaces = new DataLoader<ReadPosition, Event[]>(async (places) => places.map(await behind(places)), { cache: false, maxBatchSize })
  const ofRows = createLookUp(behind)
  const newestOfRows = createLookUp(newest)
  return {
    readTail: async (workspaceId) => (await selectMany(db, [{ workspaceId, after: 0 }], 'newest', batch))[0] ?? [],
    findNewest: async (scope) => (await newestOfRows.load({ ...scope, after: 0 }))[0],
    readBehind: (place) => (place.id === undefined ? ofWorkspaces : ofRows).load(place),
  }
}

function toFinder<Event>(places: readonly ReadPosition[], found: Event[][]): (place: ReadPosition) => Event[] {
  const byPlace = new Map(places.map((place, at) => [place, found[at] ?? []]))
  return (place) => byPlace.get(place) ?? []
}
