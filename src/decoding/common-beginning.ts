export function commonBeginning(some: readonly string[], others: readonly string[]): string[] {
  const end = some.findIndex((word, place) => word !== others[place])
  return end < 0 ? [...some] : some.slice(0, end)
}
