/**
 * Knowledge of a language that is combined with the acoustic model during decoding: listed phrases, a custom language
 * model. A fusion sees each beam token by token and keeps its data in the state of the beam.
 */
export interface Fusion<State> {
  /** The state before the first token. */
  start: State
  /** The score that the next token adds to the beam, in logarithms of probability. The end of the text is a token, too. */
  step(state: State, token: number): { score: number; state: State }
}

/** Adds the scores of both fusions; either can be undefined. */
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

export const noFusion: Fusion<unknown> = { start: null, step: () => ({ score: 0, state: null }) }
