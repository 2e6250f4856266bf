/**
 * Knowledge of a language that is added to what the acoustic model hears, while it decodes: listed phrases,
 * a custom language model. It sees each beam token by token and keeps what it needs in the beam's state.
 */
export interface Fusion<State> {
  /** Of a text that has not begun. */
  start: State
  /** What the next token adds to the beam's score, in logarithms of probability; the end of the text is a token, too. */
  step(state: State, token: number): { score: number; state: State }
}

/** What both add, and nothing where there is neither. */
export function joinFusions<A, B>(one: Fusion<A> | undefined, other: Fusion<B> | undefined): Fusion<unknown> {
  if (!one || !other) return ((one ?? other) as Fusion<unknown> | undefined) ?? noFusion
  const both: Fusion<{ a: A; b: B }> = {
    start: { a: one.start, b: other.start },
    step({ a, b }, token) {
      const [first, second] = [one.step(a, token), other.step(b, token)]
      return { score: first.score + second.score, state: { a: first.state, b: second.state } }
    },
  }
  return both as Fusion<unknown>
}

/** Adds nothing. */
export const noFusion: Fusion<unknown> = { start: null, step: () => ({ score: 0, state: null }) }
