/** Prints what a fault cost, so that a run of all faults ends in a list of figures. */
export function figure(fault: string, values: Record<string, string | number>): void {
  const told = Object.entries(values).map(([what, value]) => `${what} ${typeof value === 'number' ? Math.round(value * 10) / 10 : value}`)
  console.log(`fault: ${fault}: ${told.join(', ')}`)
}
