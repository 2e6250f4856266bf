/** A worker ended or did not answer. Another attempt can succeed. */
export class RecognizerCrashedError extends Error {
  override name = 'RecognizerCrashedError'
}

/** All capacity is in use. */
export class RecognizersBusyError extends Error {
  override name = 'RecognizersBusyError'
}
