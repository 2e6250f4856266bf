/** The conditions on new models of a deployment. A condition that is null or omitted always holds. */
export interface Gate {
  testSetId: string
  /** The maximum word error rate of the new models. */
  maxWordErrorRate?: number | null
  /** The maximum increase of the word error rate over that of the present models, such as 0.01 for a percentage point. */
  maxIncrease?: number | null
  /** The minimum confidence that the increase is at most `maxIncrease`, or 0 without it. */
  minConfidence?: number | null
}
