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

/** Adds nothing. */
export const noFusion: Fusion<null> = { start: null, step: () => ({ score: 0, state: null }) }
