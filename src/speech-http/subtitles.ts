/** A line of text with its start and end in seconds. */
export interface Line {
  start: number
  end: number
  text: string
}

/** Writes SubRip. */
export const writeSrt = (lines: readonly Line[]): string =>
  lines.map(({ start, end, text }, n) => `${n + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${text}\n\n`).join('')

/** Writes WebVTT. The text of cues is escaped, since it must not contain markup or the arrow between times. */
export const writeVtt = (lines: readonly Line[]): string =>
  `WEBVTT\n\n${lines.map(({ start, end, text }) => `${clock(start, '.')} --> ${clock(end, '.')}\n${escapeCue(text)}\n\n`).join('')}`

const escapeCue = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function clock(seconds: number, point: string): string {
  const whole = Math.round(seconds * 1000)
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${two(whole / 3_600_000)}:${two((whole / 60_000) % 60)}:${two((whole / 1000) % 60)}${point}${String(whole % 1000).padStart(3, '0')}`
}
