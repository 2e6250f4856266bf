import { rememberedDays } from '../domain/idempotency.ts'

/** How a key works that makes a mutation safe to send again. */
export const describeIdempotencyKey = (what: string, more = '') =>
  `1 to 200 printable ASCII characters without spaces, such as a UUID. Sent again with the same input, the mutation answers the ${what} that it made the first time; with another input, it is refused. The key counts as long as the ${what} exists, and for ${rememberedDays} days after its deletion, during which the mutation is refused and makes no second one.${more}`
