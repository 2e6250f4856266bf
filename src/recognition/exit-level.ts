/**
 * The log level for the end of a process. SIGTERM and SIGINT belong to a stop that reaches every process of the group,
 * also one that starts and does not ignore them yet. Any other end is a crash.
 */
export const endLevel = (reason: string): 'info' | 'warn' => (reason === 'SIGTERM' || reason === 'SIGINT' ? 'info' : 'warn')
