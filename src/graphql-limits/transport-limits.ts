/** Bytes of one HTTP request: a megabyte of text, escaped, and what stands around it. */
export const maxRequestBytes = 2 * 1024 * 1024
/** Bytes of one message over WebSocket. */
export const maxSocketMessageBytes = 256 * 1024
