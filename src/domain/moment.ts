const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/**
 * The moment that an RFC 3339 text means; undefined when it is not one. Dates that no calendar has are refused
 * rather than moved, and so are years that Postgres cannot store. Leap seconds are refused, since neither
 * JavaScript nor Postgres can hold them.
 */
export function parseMoment(text: string): Date | undefined {
  const [, year, month, day] = rfc3339.exec(text) ?? []
  if (!isDay(Number(year), Number(month), Number(day))) return undefined
  const moment = new Date(text.toUpperCase())
  // In UTC, since the offset can move the moment into another year.
  return moment.getUTCFullYear() >= 1 && moment.getUTCFullYear() <= 9999 ? moment : undefined
}

function isDay(year: number, month: number, day: number): boolean {
  // Date.UTC takes years below 100 for those of the 20th century; the calendar repeats after 400 years.
  const date = new Date(Date.UTC(year + 2000, month - 1, day))
  return year >= 1 && month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}
