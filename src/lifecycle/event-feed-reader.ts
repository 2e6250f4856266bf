import DataLoader from 'dataloader'
import { createLookUp } from '../postgres/look-up.ts'
import type { Store } from '../postgres/store.ts'
import type { EventLog, EventScope, LoggedEvent, ReadPosition } from './event-log.ts'

/** The part of a log that a feed uses. */
export type FeedLog<Event extends LoggedEvent> = Pick<EventLog<never, Event>, 'name' | 'selectMany' | 'rowOf'>

/** The maximum number of events of one read. */
export const batch = 200
/** The maximum number of workspaces of one statement. */
const maxBatchSize = 100

export interface EventReader<Event> {
  /** The newest events, newest first. */
  readTail(workspaceId: string): Promise<Event[]>
  findNewest(scope: EventScope): Promise<Event | undefined>
  /** The next events after a position. */
  readBehind(place: ReadPosition): Promise<Event[]>
}

/** Reads one log for all feeds of the process, which share statements. */
export function createEventReader<Event extends LoggedEvent>(db: Store['db'], { selectMany }: FeedLog<Event>): EventReader<Event> {
  const behind = async (places: readonly ReadPosition[]) => toFinder(places, await selectMany(db, places, 'oldest', batch))
  const newest = async (places: readonly ReadPosition[]) => toFinder(places, await selectMany(db, places, 'newest', 1))
  // A read does not wait for a running statement. Reads of the same tick share one statement, as when all feeds are notified.
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
