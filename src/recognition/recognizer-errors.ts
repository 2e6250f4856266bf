/** A worker ended or did not answer. Another attempt can succeed. */
export class RecognizerCrashedError extends Error {
  override name = 'RecognizerCrashedError'
}

/** All capacity is in use. */
export class RecognizersBusyError extends Error {
  override name = 'RecognizersBusyError'
}

/**
 * The log level for the end of a process. SIGTERM and SIGINT belong to a stop that reaches every process of the group,
 * also one that starts and does not ignore them yet. Any other end is a crash.
 */
export const endLevel = (reason: string): 'info' | 'warn' => (reason === 'SIGTERM' || reason === 'SIGINT' ? 'info' : 'warn')
