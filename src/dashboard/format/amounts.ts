const whole = new Intl.NumberFormat('en')

/** "1 line", "1,204 lines". */
export const count = (number: number, noun: string) => `${whole.format(number)} ${noun}${number === 1 ? '' : 's'}`

export const formatShare = (share: number) => `${(share * 100).toFixed(1)} %`

export const formatBytes = (bytes: number) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`)
