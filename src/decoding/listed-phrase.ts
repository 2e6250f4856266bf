/** Words that are likelier than usual: weight 1 is the usual bonus, 0 none, 2 the largest. */
export interface ListedPhrase {
  text: string
  weight: number
}
