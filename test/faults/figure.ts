/** Prints the measured cost of a fault. */
export function figure(fault: string, values: Record<string, string | number>): void {
  const told = Object.entries(values).map(([what, value]) => `${what} ${typeof value === 'number' ? Math.round(value * 10) / 10 : value}`)
  console.log(`fault: ${fault}: ${told.join(', ')}`)
}
