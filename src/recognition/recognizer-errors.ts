/** The worker ended, or did not answer, while it was at work: trying again may well succeed. */
export class RecognizerCrashedError extends Error {
  override name = 'RecognizerCrashedError'
}

/** More is waiting than can be answered in good time. */
export class RecognizersBusyError extends Error {
  override name = 'RecognizersBusyError'
}
