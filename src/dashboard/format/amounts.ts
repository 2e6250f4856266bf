const integer = new Intl.NumberFormat('en')

/** "1 line", "1,204 lines". */
export const count = (number: number, noun: string) => `${integer.format(number)} ${noun}${number === 1 ? '' : 's'}`

export const formatShare = (share: number) => `${(share * 100).toFixed(1)} %`

export const formatBytes = (bytes: number) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`)

/** "8 s", "3 min 20 s", "1 h 5 min". */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  if (hours) return `${hours} h ${minutes} min`
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`
}
