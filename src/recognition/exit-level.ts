/**
 * How loudly the end of a process is logged. SIGTERM and SIGINT are part of a stop that reaches every process of the group,
 * also one that is still starting and does not ignore them yet; any other end is a crash.
 */
export const endLevel = (reason: string): 'info' | 'warn' => (reason === 'SIGTERM' || reason === 'SIGINT' ? 'info' : 'warn')
